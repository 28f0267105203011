// HTTP filter envoy.filters.http.jwt_authn: verifies tokens of end users, leaves their claims for policies and refuses bad ones with 401.

import type { JwtAuthentication, PerRouteConfig } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { Counter } from '#telemetry';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../../http/filter.ts';
import { barePath } from '../../../matcher/path-template.ts';
import { type CompiledMatch, compileMatch } from '../../../route/route-match.ts';
import { bodyOf, type Judged, type Verdict } from './judgement.ts';
import { passOn, removeForged } from './pass-on.ts';
import { compileProvider, type Provider } from './provider.ts';
import { compileRequirement, type Requirement } from './requirement.ts';
import { tokensAt } from './token-location.ts';
import { VerifiedTokens } from './verified-tokens.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';
const ROUTE_TYPE = 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig';

interface Settings {
  readonly providers: readonly Provider[];
  readonly rules: readonly { readonly match: CompiledMatch; readonly requirement: Requirement | undefined }[];
  readonly named: ReadonlyMap<string, Requirement>;
  readonly bypassPreflight: boolean;
  readonly known: VerifiedTokens;
  readonly allowed: Counter;
  readonly denied: Counter;
}

type RouteSettings = { readonly disabled: true } | { readonly disabled: false; readonly requirement: string };

function readSettings(config: JwtAuthentication, context: FilterContext, field: string): Settings {
  if (config.filterStateRules !== undefined)
    throw new ConfigError('proxy.unsupported', `${field}.filter_state_rules`, 'give rules');
  const providers = new Map(
    Object.entries(config.providers).map(
      ([name, one]) => [name, compileProvider(name, one, context.clock, `${field}.providers["${name}"]`)] as const,
    ),
  );
  const named = new Map(
    Object.entries(config.requirementMap).map(
      ([name, one]) => [name, compileRequirement(one, providers, `${field}.requirement_map["${name}"]`)] as const,
    ),
  );
  return {
    providers: [...providers.values()],
    named,
    rules: config.rules.map((rule, i) => {
      const at = `${field}.rules[${i}]`;
      if (rule.match === undefined) throw new ConfigError('proxy.field-required', `${at}.match`);
      const match = compileMatch(rule.match, `${at}.match`);
      if (rule.requirementType.case === undefined) return { match, requirement: undefined };
      if (rule.requirementType.case === 'requires')
        return { match, requirement: compileRequirement(rule.requirementType.value, providers, `${at}.requires`) };
      const requirement = named.get(rule.requirementType.value);
      if (requirement === undefined)
        throw new ConfigError(
          'proxy.field-invalid',
          `${at}.requirement_name`,
          `there is no requirement "${rule.requirementType.value}"`,
        );
      return { match, requirement };
    }),
    bypassPreflight: config.bypassCorsPreflight,
    known: new VerifiedTokens(),
    allowed: context.stats.counter(`${context.statPrefix}jwt_authn.allowed`),
    denied: context.stats.counter(`${context.statPrefix}jwt_authn.denied`),
  };
}

class JwtAuthnFilter implements HttpFilter {
  readonly #settings: Settings;
  readonly #name: string;
  readonly #callbacks: FilterCallbacks;
  #over = false;

  constructor(settings: Settings, name: string, callbacks: FilterCallbacks) {
    this.#settings = settings;
    this.#name = name;
    this.#callbacks = callbacks;
  }

  requestHead(head: RequestHead): FilterStatus {
    const settings = this.#settings;
    removeForged(head, settings.providers);
    if (
      settings.bypassPreflight &&
      head.method === 'OPTIONS' &&
      head.headers.has('origin') &&
      head.headers.has('access-control-request-method')
    )
      return 'continue';
    const requirement = this.#requirement(head);
    if (requirement === undefined) return 'continue';
    const found: Judged[] = [];
    const open: Promise<void>[] = [];
    for (const provider of requirement.providers) {
      for (const location of provider.locations) {
        for (const text of tokensAt(head, location)) {
          const { verdict, token } = settings.known.judge(text, provider);
          if (typeof verdict === 'string') found.push({ provider, text, verdict, token });
          else open.push(verdict.then((late) => void found.push({ provider, text, verdict: late, token })));
        }
      }
    }
    if (open.length === 0) return this.#decide(requirement, found, head) ? 'continue' : 'stop';
    void Promise.all(open).then(() => {
      if (!this.#over && this.#decide(requirement, found, head)) this.#callbacks.continueRequest();
    });
    return 'stop';
  }

  destroy(): void {
    this.#over = true;
  }

  #requirement(head: RequestHead): Requirement | undefined {
    const own = this.#callbacks.route?.perFilterConfig(this.#name) as RouteSettings | undefined;
    if (own?.disabled === true) return undefined;
    if (own !== undefined) return this.#settings.named.get(own.requirement) ?? NEVER;
    const { connection, record } = this.#callbacks;
    const path = barePath(head.path);
    for (const { match, requirement } of this.#settings.rules) {
      if (
        match.path.matches(path, head) &&
        (match.condition === undefined || match.condition({ head, connection, record }, 0))
      )
        return requirement;
    }
    return undefined;
  }

  #decide(requirement: Requirement, found: readonly Judged[], head: RequestHead): boolean {
    const verdict = requirement.judge(found);
    const { record } = this.#callbacks;
    if (verdict !== 'ok') {
      this.#settings.denied.inc();
      this.#refuse(verdict, head);
      return false;
    }
    this.#settings.allowed.inc();
    let routeChanges = false;
    for (const { provider, token, verdict: own } of found) {
      if (own !== 'ok' || token === undefined) continue;
      passOn(token, provider, head, record);
      routeChanges ||= provider.clearRouteCache;
    }
    if (routeChanges) this.#callbacks.clearRoute();
    return true;
  }

  #refuse(verdict: Verdict, head: RequestHead): void {
    const body = bodyOf(verdict);
    const realm = `${head.scheme}://${head.authority}${head.path}`.slice(0, 256).replaceAll('"', '%22');
    this.#callbacks.reply({
      status: verdict === 'jwt_audience' ? 403 : 401,
      body,
      details: `jwt_authn_access_denied{${body.replaceAll(' ', '_')}}`,
      headers: [
        ['www-authenticate', `Bearer realm="${realm}"${verdict === 'missing' ? '' : ', error="invalid_token"'}`],
      ],
    });
  }
}

/** A route names a requirement that does not exist: nothing passes. */
const NEVER: Requirement = { providers: [], judge: () => 'missing' };

export const jwtAuthnExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.jwt_authn',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const settings = readSettings(decodeMessage<JwtAuthentication>(TYPE, config, filterName), context, filterName);
    return { name: filterName, create: (callbacks) => new JwtAuthnFilter(settings, filterName, callbacks) };
  },
  routeConfig: (config): RouteSettings => {
    const { requirementSpecifier: specifier } = decodeMessage<PerRouteConfig>(
      ROUTE_TYPE,
      config,
      'typed_per_filter_config',
    );
    if (specifier.case === 'disabled' && specifier.value) return { disabled: true };
    if (specifier.case === 'requirementName') return { disabled: false, requirement: specifier.value };
    throw new ConfigError('proxy.field-required', 'typed_per_filter_config.requirement_specifier');
  },
};
