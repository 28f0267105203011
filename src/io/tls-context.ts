// Secure contexts and client sessions, cached so that a handshake pays for neither (design 12).
//
// A context belongs to one TlsContext.version and role; a new version means new ticket keys (OpenSSL
// draws them per context), so no session outlives the trust it was made under. Both caches are bounded.
import { createHash } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsContext } from '#base';

const CONTEXTS_MAX = 512;
const SESSIONS_MAX = 2048;

type Role = 'server' | 'client';

/** A session with the chain of the server that it was made with: on resumption Node shows a client no certificate at all. */
export interface ClientSession {
  readonly session: Buffer;
  readonly chain: readonly Uint8Array[];
}

const contexts = new Map<string, SecureContext>();
const sessions = new Map<string, ClientSession>();
const byIdentity = new WeakMap<TlsContext, { server?: SecureContext; client?: SecureContext }>();

export function secureContext(context: TlsContext, role: Role): SecureContext {
  let held = byIdentity.get(context);
  if (held === undefined) byIdentity.set(context, (held = {}));
  const known = held[role];
  if (known !== undefined) return known;
  const made = contextByVersion(context, role);
  held[role] = made;
  return made;
}

function contextByVersion(context: TlsContext, role: Role): SecureContext {
  // Two objects may share a version and differ in ciphers or protocol: those are part of the key.
  const key = [
    role,
    context.version,
    context.minVersion,
    context.maxVersion,
    context.ciphers ?? '',
    context.curves ?? '',
  ].join('\0');
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const more = context.morePairs ?? [];
  const made = createSecureContext({
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
    // A root bundle may hold intermediates only, as Envoy's trusted_ca may.
    allowPartialTrustChain: true,
    // OpenSSL chooses by the kinds of signatures that the client takes; of one kind the last one stands.
    ...(context.certChainPem === undefined
      ? {}
      : { cert: [...more.map((pair) => pair.certChainPem), context.certChainPem] }),
    ...(context.privateKeyPem === undefined
      ? {}
      : { key: [...more.map((pair) => pair.privateKeyPem), context.privateKeyPem] }),
    ...(context.rootsPem === undefined ? {} : { ca: context.rootsPem }),
    ...(context.crlPem === undefined || context.crlPem === '' ? {} : { crl: eachList(context.crlPem) }),
    ...(context.ciphers === undefined ? {} : { ciphers: context.ciphers }),
    ...(context.curves === undefined ? {} : { ecdhCurve: context.curves }),
    ...(role === 'server' ? { sessionIdContext: createHash('sha256').update(key).digest('hex').slice(0, 32) } : {}),
  });
  remember(contexts, key, made, CONTEXTS_MAX);
  return made;
}

/** Node reads the first list of a text and passes over the others. */
function eachList(crlPem: string): string[] {
  return crlPem.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [crlPem];
}

export function sessionKey(context: TlsContext, sni: string, checkKey: string): string {
  return `${context.version}\0${sni}\0${checkKey}`;
}

export function knownSession(key: string): ClientSession | undefined {
  return sessions.get(key);
}

export function rememberSession(key: string, session: ClientSession): void {
  remember(sessions, key, session, SESSIONS_MAX);
}

export function forgetSession(key: string): void {
  sessions.delete(key);
}

function remember<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  if (map.size >= max) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, value);
}
