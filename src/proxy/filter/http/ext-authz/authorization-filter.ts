// Holds a request until somebody outside has decided about it, and does what the decision says. No decision is a refusal unless configuration says otherwise.

import type { Counter, StatStore } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import type { Clock } from '#base';
import type { FilterCallbacks, FilterStatus, HttpFilter } from '../../../http/filter.ts';
import type { MetadataSource } from '../../../matcher/metadata-matcher.ts';
import { rescue } from '../../../http/rescue.ts';
import { applyHeaders, isSafeHeader, setQuery } from './apply-decision.ts';
import type { Authorizer, Decision, HeaderChange } from './decision.ts';

export interface BodySettings {
  readonly bytesMax: number;
  readonly allowPartial: boolean;
}

export interface AuthorizationSettings {
  readonly authorizer: Authorizer;
  readonly body: BodySettings | undefined;
  readonly failOpen: boolean;
  readonly failOpenHeader: boolean;
  readonly statusOnError: number;
  readonly clearRoute: boolean;
  /** Requests for which this does not hold are not judged. */
  readonly enabled: ((metadata: MetadataSource) => boolean) | undefined;
  readonly metadataName: string;
  readonly clock: Pick<Clock, 'wallTime'>;
  readonly counters: AuthorizationCounters;
}

export interface AuthorizationCounters {
  readonly ok: Counter;
  readonly denied: Counter;
  readonly error: Counter;
  readonly failureModeAllowed: Counter;
  readonly disabled: Counter;
  readonly invalid: Counter;
}

export interface RouteAuthorization {
  readonly disabled: boolean;
  readonly contextExtensions: Readonly<Record<string, string>>;
  /** `none`: this route's bodies are not sent along. */
  readonly body: BodySettings | 'none' | undefined;
}

export function authorizationCounters(stats: StatStore, prefix: string): AuthorizationCounters {
  const one = (name: string): Counter => stats.counter(`${prefix}${name}`);
  return {
    ok: one('ok'),
    denied: one('denied'),
    error: one('error'),
    failureModeAllowed: one('failure_mode_allowed'),
    disabled: one('disabled'),
    invalid: one('invalid'),
  };
}

const EMPTY = Buffer.alloc(0);

export class AuthorizationFilter implements HttpFilter {
  readonly #settings: AuthorizationSettings;
  readonly #name: string;
  readonly #callbacks: FilterCallbacks;
  #head: RequestHead | undefined = undefined;
  #asking: { cancel(): void } | undefined = undefined;
  #verdict: 'open' | 'pass' | 'refused' = 'open';
  #judging = false;
  #body: BodySettings | undefined = undefined;
  #extensions: Readonly<Record<string, string>> = NONE;
  #responseHeaders: readonly HeaderChange[] = [];

  constructor(settings: AuthorizationSettings, name: string, callbacks: FilterCallbacks) {
    this.#settings = settings;
    this.#name = name;
    this.#callbacks = callbacks;
  }

  requestHead(head: RequestHead, end: boolean): FilterStatus {
    const settings = this.#settings;
    const own = this.#callbacks.route?.perFilterConfig(this.#name) as RouteAuthorization | undefined;
    if (own?.disabled === true || settings.enabled?.(this.#callbacks.record.metadata) === false) {
      settings.counters.disabled.inc();
      this.#verdict = 'pass';
      return 'continue';
    }
    this.#head = head;
    this.#extensions = own?.contextExtensions ?? NONE;
    // What is upgraded has no end to wait for.
    const endless = head.method === 'CONNECT' || head.protocol !== '' || head.headers.has('upgrade');
    this.#body = endless || own?.body === 'none' ? undefined : (own?.body ?? settings.body);
    if (this.#body === undefined) return this.#ask(undefined, false);
    if (end) return this.#ask(EMPTY, false);
    // A body that may be cut may be as long as the connection allows.
    this.#callbacks.bufferLimit = this.#body.allowPartial
      ? Math.max(this.#callbacks.bufferLimit, this.#body.bytesMax)
      : this.#body.bytesMax;
    if (!this.#body.allowPartial && Number(head.headers.get('content-length') ?? 0) > this.#body.bytesMax) {
      this.#callbacks.reply(rescue('request-too-large'));
      return 'stop';
    }
    return 'buffer';
  }

  requestData(data: Buffer): FilterStatus {
    if (this.#verdict !== 'open' || this.#judging || this.#body === undefined)
      return this.#judging ? 'stop' : 'continue';
    const { bytesMax } = this.#body;
    return this.#ask(data.length > bytesMax ? data.subarray(0, bytesMax) : data, data.length > bytesMax);
  }

  responseHead(head: ResponseHead): FilterStatus {
    applyHeaders(head.headers, this.#responseHeaders);
    return 'continue';
  }

  destroy(): void {
    this.#asking?.cancel();
    this.#asking = undefined;
  }

  #ask(body: Buffer | undefined, truncated: boolean): FilterStatus {
    const { authorizer, clock } = this.#settings;
    const { connection, record } = this.#callbacks;
    const head = this.#head as RequestHead;
    let inside = true;
    this.#judging = true;
    const asking = authorizer.check(
      { head, connection, record, body, truncated, wallMs: clock.wallTime(), contextExtensions: this.#extensions },
      (decision) => {
        this.#asking = undefined;
        this.#judging = false;
        this.#verdict = this.#carryOut(decision, head) ? 'pass' : 'refused';
        if (!inside && this.#verdict === 'pass') this.#callbacks.continueRequest();
      },
    );
    inside = false;
    if (this.#verdict === 'open') {
      this.#asking = asking;
      return 'stop';
    }
    return this.#verdict === 'pass' ? 'continue' : 'stop';
  }

  /** False when a reply was sent. */
  #carryOut(decision: Decision, head: RequestHead): boolean {
    const { counters } = this.#settings;
    switch (decision.kind) {
      case 'allowed': {
        const changes = [...decision.requestHeaders, ...decision.responseHeaders];
        if (!changes.every(isSafeHeader)) {
          counters.invalid.inc();
          return this.#noDecision('the decision holds an illegal header');
        }
        counters.ok.inc();
        this.#note(decision.metadata);
        for (const name of decision.requestHeadersToRemove)
          if (!name.startsWith(':') && name.toLowerCase() !== 'host') head.headers.remove(name.toLowerCase());
        applyHeaders(head.headers, decision.requestHeaders);
        if (decision.queryToSet.length > 0 || decision.queryToRemove.length > 0)
          head.path = setQuery(head.path, decision.queryToSet, decision.queryToRemove);
        this.#responseHeaders = decision.responseHeaders;
        if (this.#settings.clearRoute) this.#callbacks.clearRoute();
        return true;
      }
      case 'denied':
        counters.denied.inc();
        this.#note(decision.metadata);
        this.#callbacks.reply({
          status: decision.status,
          body: decision.body,
          details: 'ext_authz_denied',
          flag: 'UAEX',
          headers: decision.headers.filter(isSafeHeader).map(({ name, value }) => [name, value]),
        });
        return false;
      case 'error':
        return this.#noDecision(decision.reason);
    }
  }

  #noDecision(reason: string): boolean {
    const { counters, failOpen, failOpenHeader, statusOnError } = this.#settings;
    counters.error.inc();
    this.#note({ error: reason });
    if (failOpen) {
      counters.failureModeAllowed.inc();
      if (failOpenHeader) this.#head?.headers.set('x-envoy-auth-failure-mode-allowed', 'true');
      return true;
    }
    this.#callbacks.reply({ status: statusOnError, body: '', details: 'ext_authz_error', flag: 'UAEX' });
    return false;
  }

  #note(metadata: Readonly<Record<string, unknown>> | undefined): void {
    if (metadata === undefined) return;
    this.#callbacks.record.addMetadata(this.#settings.metadataName, metadata);
  }
}

const NONE: Readonly<Record<string, string>> = {};
