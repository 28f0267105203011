// One issuer of a jwt_authn filter: its keys, where its tokens stand and what becomes of a good one (envoy JwtProvider).

import type { Clock } from '#base';
import { JwtVerifier, parseKeySet } from '#identity';
import type { JwtProvider } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { ConfigError } from '../../../errors.ts';
import { DEFAULT_LOCATIONS, type TokenLocation } from './token-location.ts';

export interface Provider {
  readonly name: string;
  readonly verifier: JwtVerifier;
  readonly locations: readonly TokenLocation[];
  readonly forward: boolean;
  /** Lower case; '' = none. */
  readonly payloadHeader: string;
  readonly padPayload: boolean;
  readonly claimHeaders: readonly { readonly header: string; readonly claim: readonly string[] }[];
  readonly payloadInMetadata: string;
  readonly spaceDelimited: readonly string[];
  readonly clearRouteCache: boolean;
  readonly requireExpiration: boolean;
}

export function compileProvider(name: string, config: JwtProvider, clock: Clock, field: string): Provider {
  const refuse = (part: string, reason: string): never => {
    throw new ConfigError('proxy.unsupported', `${field}.${part}`, reason);
  };
  if (config.subjects !== undefined) refuse('subjects', 'a token is never taken without one of its conditions');
  if (config.maxLifetime !== undefined) refuse('max_lifetime', 'a token is never taken without one of its conditions');
  if (config.headerInMetadata !== '') refuse('header_in_metadata', 'read the payload');
  if (config.failedStatusInMetadata !== '') refuse('failed_status_in_metadata', 'read the response code details');
  return {
    name,
    verifier: new JwtVerifier(
      { issuer: config.issuer, audiences: config.audiences, skewMs: (config.clockSkewSeconds || 60) * 1000 },
      keysOf(config, field),
      clock,
    ),
    locations: locationsOf(config),
    forward: config.forward,
    payloadHeader: config.forwardPayloadHeader.toLowerCase(),
    padPayload: config.padForwardPayloadHeader,
    claimHeaders: config.claimToHeaders.map(({ headerName, claimName }) => ({
      header: headerName.toLowerCase(),
      claim: claimName.split('.'),
    })),
    payloadInMetadata: config.payloadInMetadata,
    spaceDelimited: config.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    clearRouteCache: config.clearRouteCache,
    requireExpiration: config.requireExpiration,
  };
}

function locationsOf(config: JwtProvider): readonly TokenLocation[] {
  const own: TokenLocation[] = [
    ...config.fromHeaders.map(({ name, valuePrefix }) => ({
      kind: 'header' as const,
      name: name.toLowerCase(),
      prefix: valuePrefix.toLowerCase(),
    })),
    ...config.fromParams.map((name) => ({ kind: 'query' as const, name, prefix: '' })),
    ...config.fromCookies.map((name) => ({ kind: 'cookie' as const, name, prefix: '' })),
  ];
  return own.length > 0 ? own : DEFAULT_LOCATIONS;
}

/** Keys that cannot be read are no keys: every token is refused, the listener stands (as Envoy). */
function keysOf(config: JwtProvider, field: string): ConstructorParameters<typeof JwtVerifier>[1] {
  const source = config.jwksSourceSpecifier;
  if (source.case !== 'localJwks')
    throw new ConfigError(
      'proxy.unsupported',
      `${field}.remote_jwks`,
      'give local_jwks: the control plane fetches key sets',
    );
  const { specifier } = source.value;
  const text =
    specifier.case === 'inlineString'
      ? specifier.value
      : specifier.case === 'inlineBytes'
        ? Buffer.from(specifier.value).toString('utf8')
        : undefined;
  if (text === undefined)
    throw new ConfigError('proxy.unsupported', `${field}.local_jwks`, 'give inline_string or inline_bytes');
  const read = parseKeySet(text);
  return read.ok ? read.value : { keys: [] };
}
