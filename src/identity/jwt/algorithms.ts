// Which signatures of tokens are taken: asymmetric ones only, so that a public key is never a shared secret (RFC 8725 §3.1, §3.2).

export const JWT_ALGORITHMS: ReadonlyMap<string, { readonly kty: string; readonly crv?: string }> = new Map<
  string,
  { readonly kty: string; readonly crv?: string }
>([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, { kty: 'RSA' }] as const),
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['ES384', { kty: 'EC', crv: 'P-384' }],
  ['ES512', { kty: 'EC', crv: 'P-521' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519' }],
]);
