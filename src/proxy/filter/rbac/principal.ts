// Compiles RBAC principals: who asks (envoy.config.rbac.v3.Principal). An identity is a URI SAN of a certificate that was verified.

import type { Principal } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { ConfigError } from '../../errors.ts';
import { compileCidr } from '../../matcher/cidr.ts';
import { compileHeaderMatcher } from '../../matcher/header-matcher.ts';
import { MAX_MATCHER_DEPTH } from '../../matcher/limits.ts';
import type { MatchInput, RequestPredicate } from '../../matcher/match-input.ts';
import { compileMetadataMatcher } from '../../matcher/metadata-matcher.ts';
import { barePath } from '../../matcher/path-template.ts';
import { compilePathMatcher } from '../../matcher/path-escapes.ts';
import { compileStringMatcher } from '../../matcher/string-matcher.ts';
import { allOf, anyOf, type Duplicates, opposite } from './combine.ts';
import { type Demand, demandsOfAll, demandsOfAny, headerDemand, textDemand } from './demand.ts';

/** Filter state under which Istio's policies look for the peer's identity. */
const PEER_PRINCIPAL = 'io.istio.peer_principal';

export function compilePrincipal(
  principal: Principal,
  field: string,
  duplicates: Duplicates,
  depth = 0,
): RequestPredicate {
  if (depth > MAX_MATCHER_DEPTH)
    throw new ConfigError('proxy.field-invalid', field, `nests deeper than ${MAX_MATCHER_DEPTH} levels`);
  const { identifier } = principal;
  switch (identifier.case) {
    case 'any':
      return () => true;
    case 'andIds':
      return allOf(
        identifier.value.ids.map((inner, i) =>
          compilePrincipal(inner, `${field}.and_ids[${i}]`, duplicates, depth + 1),
        ),
      );
    case 'orIds':
      return anyOf(
        identifier.value.ids.map((inner, i) => compilePrincipal(inner, `${field}.or_ids[${i}]`, duplicates, depth + 1)),
      );
    case 'notId': {
      const inner = compilePrincipal(identifier.value, `${field}.not_id`, opposite(duplicates), depth + 1);
      return (input) => !inner(input);
    }
    case 'authenticated': {
      const wanted = identifier.value.principalName;
      if (wanted === undefined) return (input) => input.connection.mtls;
      const name = compileStringMatcher(wanted, `${field}.authenticated.principal_name`);
      return (input) => input.connection.mtls && input.connection.peerUriSans.some(name);
    }
    case 'sourceIp': {
      const range = compileCidr(identifier.value, `${field}.source_ip`);
      return (input) => range(input.connection.remoteAddress);
    }
    case 'directRemoteIp': {
      const range = compileCidr(identifier.value, `${field}.direct_remote_ip`);
      return (input) => range(input.connection.directRemoteAddress);
    }
    case 'remoteIp': {
      const range = compileCidr(identifier.value, `${field}.remote_ip`);
      return (input) => range(input.connection.trustedRemoteAddress);
    }
    case 'header': {
      const header = compileHeaderMatcher(identifier.value, `${field}.header`, duplicates);
      return (input) => header(input.head);
    }
    case 'urlPath': {
      if (identifier.value.rule.case !== 'path')
        throw new ConfigError('proxy.field-required', `${field}.url_path.path`);
      const path = compilePathMatcher(identifier.value.rule.value, `${field}.url_path.path`);
      return (input) => input.head.path !== '' && path(barePath(input.head.path));
    }
    case 'metadata': {
      const metadata = compileMetadataMatcher(identifier.value, `${field}.metadata`);
      return (input) => metadata(input.record.metadata);
    }
    case 'filterState': {
      const { key, matcher } = identifier.value;
      if (matcher.case === undefined)
        throw new ConfigError('proxy.field-required', `${field}.filter_state.string_match`);
      const value = compileStringMatcher(matcher.value, `${field}.filter_state.string_match`);
      return (input) => {
        const state = readState(input, key);
        return state !== undefined && value(state);
      };
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.identifier`);
  }
}

function readState(input: MatchInput, key: string): string | undefined {
  // The identity is taken from the connection alone: no filter may write another.
  if (key === PEER_PRINCIPAL)
    return input.connection.mtls && input.connection.peerPrincipal !== '' ? input.connection.peerPrincipal : undefined;
  return input.record.filterState?.get(key);
}

/** What a request needs for this principal to hold. */
export function principalDemands(principal: Principal): readonly Demand[] {
  const { identifier } = principal;
  switch (identifier.case) {
    case 'authenticated':
      return textDemand('identity', identifier.value.principalName);
    case 'filterState':
      return identifier.value.key === PEER_PRINCIPAL && identifier.value.matcher.case !== undefined
        ? textDemand('identity', identifier.value.matcher.value)
        : [];
    case 'urlPath':
      return identifier.value.rule.case === 'path' ? textDemand('path', identifier.value.rule.value) : [];
    case 'header':
      return headerDemand(identifier.value);
    case 'andIds':
      return demandsOfAll(identifier.value.ids.map(principalDemands));
    case 'orIds':
      return demandsOfAny(identifier.value.ids.map(principalDemands));
    default:
      return [];
  }
}
