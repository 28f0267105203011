// An issuer of tokens, and whoever forges them, for the scenarios about them.
import { generateKeyPairSync, sign } from 'node:crypto';

export const ISSUER = 'https://issuer.example';
const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const forged = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const KEYS = JSON.stringify({
  keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256' }],
});

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export function token(claims: object, key = own.privateKey): string {
  const seconds = Math.floor(Date.now() / 1000);
  const body = { iss: ISSUER, sub: 'ann', iat: seconds - 60, exp: seconds + 86_400, ...claims };
  const text = `${base64url({ alg: 'ES256', kid: 'one', typ: 'JWT' })}.${base64url(body)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export const bearer = (claims: object, key = own.privateKey) => ({ authorization: `Bearer ${token(claims, key)}` });
export const jwtRule = (more = ''): string =>
  `{ issuer: "${ISSUER}", jwks: '${KEYS}'${more === '' ? '' : `, ${more}`} }`;
