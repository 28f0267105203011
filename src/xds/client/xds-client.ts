// An xDS client, delta by preference: one stream, resubscribed with the held versions after every loss.
//
// Nothing is removed because a server is gone; only a server's word removes. Requests of a new
// stream go out in Envoy's order: clusters, endpoints, listeners, routes, the rest. Responses are
// applied one after another, each to its end, even when its stream is lost meanwhile.
import { type Clock, type Logger, type Random, silentLogger, type Timer, TYPE_URL } from '#base';
import { MalformedProtobuf } from '#proto/light.ts';
import {
  Backoff,
  type BackoffOptions,
  type ClientCall,
  GRPC_STATUS,
  type GrpcChannel,
  type Metadata,
} from '#wire/grpc';
import type { DiscoveryResponse, ErrorDetail, XdsNode } from '../codec/messages.ts';
import { encodeDeltaRequest, encodeDiscoveryRequest } from '../codec/request.ts';
import { decodeResponse, type XdsVariant } from '../codec/response.ts';
import { HEALTH_TYPE } from '../health-type.ts';
import { xdsPath } from '../services.ts';
import { TypeSubscription } from './type-subscription.ts';
import type { ApplyBatch, Reject, XdsClient, XdsClientStatus } from './xds-batch.ts';

/** Half a second to half a minute, widely spread: a control plane that comes back meets its proxies one by one. */
export const XDS_BACKOFF: BackoffOptions = { initialMs: 500, maxMs: 30_000, factor: 1.6, jitter: 0.5 };

export interface XdsClientOptions {
  readonly channel: GrpcChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** Asked for at the beginning of every stream. */
  readonly node: () => XdsNode;
  readonly apply: ApplyBatch;
  readonly variant?: XdsVariant;
  /** A type's own service (SDS) instead of the aggregated one. */
  readonly onlyType?: string;
  /** Of every stream, such as `authorization`. */
  readonly metadata?: () => Metadata;
  readonly backoff?: BackoffOptions;
}

const ORDER: readonly string[] = [
  TYPE_URL.cluster,
  TYPE_URL.endpoint,
  TYPE_URL.listener,
  TYPE_URL.route,
  TYPE_URL.virtualHost,
];
const FULL_STATE = new Set<string>([TYPE_URL.cluster, TYPE_URL.listener]);

export class DiscoveryClient implements XdsClient {
  readonly #options: XdsClientOptions;
  readonly #log: Logger;
  readonly #variant: XdsVariant;
  readonly #backoff: Backoff;
  readonly #types = new Map<string, TypeSubscription>();
  #call: ClientCall | undefined;
  #retry: Timer | undefined;
  #health: { readonly problem: string | undefined } | undefined;
  #started = false;
  #closed = false;
  #applying = false;
  /** What came while a response was applied: little, because the call is paused then. */
  #waiting: Uint8Array[] = [];
  #nodeSent = false;
  #answeredOnce = false;
  #connected = false;
  #lastError = '';

  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#variant = options.variant ?? 'delta';
    this.#backoff = new Backoff(options.backoff ?? XDS_BACKOFF, options.random);
  }

  get status(): XdsClientStatus {
    const types = new Map(
      [...this.#types.values()].map((t) => [
        t.typeUrl,
        { wildcard: t.wildcard, names: t.names.size, held: t.held.size, version: t.version, rejects: t.rejects },
      ]),
    );
    return { connected: this.#connected, everConnected: this.#answeredOnce, lastError: this.#lastError, types };
  }

  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#open();
  }

  subscribeAll(typeUrl: string): void {
    const type = this.#type(typeUrl);
    type.want(true, type.names);
    this.#flush();
  }

  subscribe(typeUrl: string, names: ReadonlySet<string>): void {
    const type = this.#type(typeUrl);
    type.want(type.wildcard, new Set(names));
    this.#flush();
  }

  unsubscribeType(typeUrl: string): void {
    const type = this.#types.get(typeUrl);
    if (type === undefined) return;
    type.want(false, new Set());
    this.#flush();
  }

  reportHealth(problem: string | undefined): void {
    this.#health = { problem };
    if (this.#nodeSent) this.#sendHealth();
  }

  /** Begins a new stream at once: after the node or its certificate changed. */
  restart(): void {
    if (!this.#started || this.#closed) return;
    this.#retry?.cancel();
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    const call = this.#call;
    this.#call = undefined;
    this.#connected = false;
    call?.cancel();
  }

  #type(typeUrl: string): TypeSubscription {
    let type = this.#types.get(typeUrl);
    if (type === undefined) this.#types.set(typeUrl, (type = new TypeSubscription(typeUrl)));
    return type;
  }

  #open(): void {
    this.#nodeSent = false;
    this.#waiting = [];
    for (const type of this.#types.values()) type.reset();
    const metadata = this.#options.metadata?.() ?? {};
    const call: ClientCall = this.#options.channel.openStream(
      xdsPath(this.#variant, this.#options.onlyType),
      {
        onMessage: (bytes) => {
          if (this.#call !== call) return;
          if (this.#applying) this.#waiting.push(bytes);
          else this.#receive(bytes);
        },
        onStatus: (status) => {
          if (this.#call === call)
            this.#lost(status.code === GRPC_STATUS.ok ? 'the server ended the stream' : status.message);
        },
      },
      { metadata, waitForReady: true },
    );
    this.#call = call;
    this.#flush();
  }

  #lost(reason: string): void {
    this.#call = undefined;
    this.#waiting = [];
    this.#lastError = reason;
    const words = 'lost the control plane: going on with the configuration that is there, and trying again';
    this.#log[this.#connected ? 'warn' : 'debug'](words, {
      target: this.#options.channel.target,
      reason,
    });
    this.#connected = false;
    if (this.#closed) return;
    this.#retry = this.#options.clock.setTimer(this.#backoff.next(), () => this.#open(), { unref: true });
  }

  #receive(bytes: Uint8Array): void {
    let response: DiscoveryResponse;
    try {
      response = decodeResponse(this.#variant, bytes);
    } catch (error) {
      if (!(error instanceof MalformedProtobuf)) throw error;
      const call = this.#call;
      this.#lost(error.message);
      call?.cancel();
      return;
    }
    if (!this.#connected && this.#answeredOnce)
      this.#log.info('the control plane is back', { target: this.#options.channel.target });
    this.#connected = true;
    this.#answeredOnce = true;
    this.#lastError = '';
    this.#backoff.reset();
    const call = this.#call;
    const type = this.#types.get(response.typeUrl);
    if (type?.begun !== true) return this.#goOn();
    this.#apply(type, response, (rejects) => this.#applied(type, response, rejects, call));
  }

  /** Calls `done` once; later where applying takes more than this turn. */
  #apply(type: TypeSubscription, response: DiscoveryResponse, done: (rejects: readonly Reject[]) => void): void {
    const foreign = response.resources.filter((r) => r.typeUrl !== '' && r.typeUrl !== type.typeUrl);
    if (foreign.length > 0)
      return done(foreign.map((r) => ({ name: r.name, detail: `has type ${r.typeUrl}, expected ${type.typeUrl}` })));
    const added = response.resources.filter((r) => type.wants(r.name));
    const removed = this.#removedBy(type, response);
    if (added.length === 0 && removed.length === 0 && type.held.size > 0) return done([]);
    const finish = (rejects: readonly Reject[]): void => {
      this.#applying = false;
      const bad = new Set(rejects.map((r) => r.name));
      for (const resource of added)
        if (!bad.has(resource.name) && type.wants(resource.name)) type.held.set(resource.name, resource.version);
      for (const name of removed) type.held.delete(name);
      done(rejects);
    };
    // An owner that fails is a bug there; the state before stays in force and the server is told.
    const failed = (error: unknown): readonly Reject[] => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      this.#log.error('applying configuration failed', { type: type.typeUrl, error: stack ?? message });
      return added.map((r) => ({ name: r.name, detail: `applying it failed: ${message}` }));
    };
    this.#applying = true;
    let outcome: ReturnType<ApplyBatch>;
    try {
      outcome = this.#options.apply({ typeUrl: type.typeUrl, added, removed, version: response.versionInfo });
    } catch (error) {
      return finish(failed(error));
    }
    if (!(outcome instanceof Promise)) return finish(outcome);
    this.#call?.pause();
    void outcome.catch(failed).then(finish);
  }

  #applied(
    type: TypeSubscription,
    response: DiscoveryResponse,
    rejects: readonly Reject[],
    call: ClientCall | undefined,
  ): void {
    if (rejects.length === 0) type.version = response.versionInfo;
    type.rejects = rejects;
    if (rejects.length > 0)
      this.#log.warn('rejected configuration', { type: type.typeUrl, detail: type.rejectionText() });
    // A stream that was lost meanwhile waits for no answer; the next one is told what is held.
    if (this.#call === call && call !== undefined) {
      type.nonce = response.nonce;
      this.#answer(
        type,
        rejects.length === 0 ? undefined : { code: GRPC_STATUS.internal, message: type.rejectionText() },
      );
    }
    this.#flush();
    this.#goOn();
  }

  #goOn(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#receive(next);
    else this.#call?.resume();
  }

  /** State of the world: clusters and listeners that a response leaves out are gone. */
  #removedBy(type: TypeSubscription, response: DiscoveryResponse): readonly string[] {
    if (this.#variant === 'delta') return response.removed;
    if (!FULL_STATE.has(type.typeUrl)) return [];
    const present = new Set(response.resources.map((r) => r.name));
    return [...type.held.keys()].filter((name) => !present.has(name));
  }

  #answer(type: TypeSubscription, errorDetail: ErrorDetail | undefined): void {
    if (this.#variant === 'sotw') {
      // The answer carries the names, so what was asked for meanwhile is told with it.
      type.tell();
      this.#sendSotw(type, errorDetail);
    } else {
      this.#send(
        encodeDeltaRequest({
          node: this.#node(),
          typeUrl: type.typeUrl,
          subscribe: [],
          unsubscribe: [],
          initialVersions: new Map(),
          responseNonce: type.nonce,
          errorDetail,
        }),
      );
    }
  }

  /** Tells the server what changed in what is wanted, in order of the types. */
  #flush(): void {
    if (this.#call === undefined || this.#applying) return;
    for (const type of [...this.#types.values()].sort((a, b) => rank(a.typeUrl) - rank(b.typeUrl))) {
      const first = !type.begun;
      const change = type.tell();
      if (change === undefined) continue;
      if (this.#variant === 'sotw') {
        this.#sendSotw(type, undefined);
      } else {
        const initialVersions = first ? type.held : new Map<string, string>();
        this.#send(
          encodeDeltaRequest({
            node: this.#node(),
            typeUrl: type.typeUrl,
            ...change,
            initialVersions,
            responseNonce: '',
            errorDetail: undefined,
          }),
        );
      }
    }
    if (this.#health !== undefined && !this.#healthSent) this.#sendHealth();
  }

  get #healthSent(): boolean {
    return this.#healthOn === this.#call;
  }

  #healthOn: ClientCall | undefined;

  #sendHealth(): void {
    this.#healthOn = this.#call;
    const problem = this.#health?.problem;
    const errorDetail = problem === undefined ? undefined : { code: 500, message: problem };
    if (this.#variant === 'sotw') {
      this.#send(
        encodeDiscoveryRequest({
          versionInfo: '',
          node: this.#node(),
          resourceNames: [],
          typeUrl: HEALTH_TYPE,
          responseNonce: '',
          errorDetail,
        }),
      );
    } else {
      this.#send(
        encodeDeltaRequest({
          node: this.#node(),
          typeUrl: HEALTH_TYPE,
          subscribe: [],
          unsubscribe: [],
          initialVersions: new Map(),
          responseNonce: '',
          errorDetail,
        }),
      );
    }
  }

  #sendSotw(type: TypeSubscription, errorDetail: ErrorDetail | undefined): void {
    const resourceNames = type.wildcard && type.names.size > 0 ? ['*', ...type.names] : [...type.names];
    this.#send(
      encodeDiscoveryRequest({
        versionInfo: type.version,
        node: this.#node(),
        resourceNames,
        typeUrl: type.typeUrl,
        responseNonce: type.nonce,
        errorDetail,
      }),
    );
  }

  #node(): XdsNode | undefined {
    if (this.#nodeSent) return undefined;
    this.#nodeSent = true;
    return this.#options.node();
  }

  #send(bytes: Uint8Array): void {
    this.#call?.send(bytes);
  }
}

function rank(typeUrl: string): number {
  const at = ORDER.indexOf(typeUrl);
  return at < 0 ? ORDER.length : at;
}
