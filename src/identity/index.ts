// Who is who: certificates, trust, tokens and the mesh's certificate authority.
export * from './errors.ts';
export { Intermediates } from './intermediates.ts';
export * from './limits.ts';
export { makePeerCheck, refusalCode } from './peer-check.ts';
export type { PeerCheckOptions } from './peer-check.ts';
export { matchesDnsName, matchesSan, sanMatchersKey } from './san-matcher.ts';
export type { SanMatcher } from './san-matcher.ts';
export * from './secret-source.ts';
export * from './spiffe-id.ts';
export { parseTrustBundle } from './trust-bundle.ts';
export type { TrustBundle } from './trust-bundle.ts';
