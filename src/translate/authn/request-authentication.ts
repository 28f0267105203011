// The jwt_authn filter of a workload: all rules of all RequestAuthentications that apply to it, each an issuer of its own (inventory §1.8).

import {
  type JwtProviderSchema,
  JwtAuthenticationSchema,
  type JwtRequirementSchema,
} from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { RequestAuthentication } from '#registry';
import { type Init, typed } from '../encode.ts';
import { usableKeys } from './no-key.ts';
import { PAYLOAD } from './token-claims.ts';

type Rule = NonNullable<RequestAuthentication['spec']['jwtRules']>[number];
type Requirement = Init<typeof JwtRequirementSchema>;

/** Key sets that the control plane fetched, by `keySetKey`. */
export type FetchedKeySets = ReadonlyMap<string, string>;

const SPACE_DELIMITED = ['scope', 'permission'];

export function httpAuthentication(
  policies: readonly RequestAuthentication[],
  fetched: FetchedKeySets,
): readonly Init<typeof HttpFilterSchema>[] {
  const rules = policies.flatMap((policy) => policy.spec.jwtRules ?? []);
  if (rules.length === 0) return [];
  const providers: Record<string, Init<typeof JwtProviderSchema>> = {};
  for (const [index, rule] of rules.entries()) providers[nameOf(index)] = provider(rule, fetched);
  return [
    typed('envoy.filters.http.jwt_authn', JwtAuthenticationSchema, {
      providers,
      rules: [
        {
          match: { pathSpecifier: { case: 'prefix', value: '/' } },
          requirementType: { case: 'requires', value: requirement(rules) },
        },
      ],
      bypassCorsPreflight: true,
    }),
  ];
}

/** Where the keys of a rule without inline ones come from. */
export function keySetSource(rule: Rule): { readonly kind: 'uri' | 'issuer'; readonly url: string } | undefined {
  if (rule.jwks !== undefined && rule.jwks !== '') return undefined;
  if (rule.jwksUri !== undefined && rule.jwksUri !== '') return { kind: 'uri', url: rule.jwksUri };
  return rule.issuer === undefined || rule.issuer === '' ? undefined : { kind: 'issuer', url: rule.issuer };
}

function keysOf(rule: Rule, fetched: FetchedKeySets): string {
  const source = keySetSource(rule);
  return usableKeys(source === undefined ? rule.jwks : fetched.get(`${source.kind} ${source.url}`));
}

function nameOf(index: number): string {
  return `origins-${index}`;
}

function provider(rule: Rule, fetched: FetchedKeySets): Init<typeof JwtProviderSchema> {
  return {
    issuer: rule.issuer ?? '',
    audiences: [...(rule.audiences ?? [])],
    jwksSourceSpecifier: {
      case: 'localJwks',
      value: { specifier: { case: 'inlineString', value: keysOf(rule, fetched) } },
    },
    forward: rule.forwardOriginalToken ?? false,
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix }) => ({ name, valuePrefix: prefix ?? '' })),
    fromParams: [...(rule.fromParams ?? [])],
    fromCookies: [...(rule.fromCookies ?? [])],
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    claimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
      headerName: header,
      claimName: claim,
    })),
    payloadInMetadata: PAYLOAD,
    normalizePayloadInMetadata: {
      spaceDelimitedClaims: [...new Set([...SPACE_DELIMITED, ...(rule.spaceDelimitedClaims ?? [])])],
    },
    // Routes may ask for claims and for the headers that carry them.
    clearRouteCache: true,
  };
}

/** One good token is enough; a bad one never passes beside a good one; no token passes unless a rule demands one. */
function requirement(rules: readonly Rule[]): Requirement {
  const named = (index: number): Requirement => ({ requiresType: { case: 'providerName', value: nameOf(index) } });
  const missing: Requirement = { requiresType: { case: 'allowMissing', value: {} } };
  const any = (requirements: Requirement[]): Requirement => ({
    requiresType: { case: 'requiresAny', value: { requirements } },
  });
  const all = (requirements: Requirement[]): Requirement => ({
    requiresType: { case: 'requiresAll', value: { requirements } },
  });
  const demanded = rules.some((rule) => rule.presence === 'REQUIRED');
  if (demanded) return rules.length === 1 ? named(0) : any(rules.map((_, index) => named(index)));
  if (rules.length === 1) return any([named(0), missing]);
  return any([...rules.map((_, index) => named(index)), all(rules.map((_, index) => any([named(index), missing])))]);
}
