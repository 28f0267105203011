// Somebody else's signer behind our CSR service: it signs requests as they are, so the request and the answer are both judged.

import type { Clock, Result } from '#base';
import { err, ok } from '#base';
import type { CertificateRequest } from '#wire/tls';
import { formatPem, parseCertificate, pemBlocks } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { makePeerCheck } from '../peer-check.ts';
import { sameBytes } from '../trust-bundle.ts';

export interface ExternalSigner {
  /** Its full name for what a workload asked for ('' where it asked for none), or why there is none. */
  nameFor(asked: string): Result<string, string>;
  /** PEM: the leaf and what is between it and a root. */
  sign(name: string, csrPem: string, ttlMs: number): Promise<Result<string, string>>;
}

export interface SignedBy {
  /** One certificate an element, leaf first, without roots. */
  readonly chain: readonly string[];
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A request that asks for the caller's identity and nothing else. */
export function asksOnlyFor({ names }: CertificateRequest, identity: string): boolean {
  const [uri, ...more] = names.uris;
  return uri === identity && more.length + names.dns.length + names.emails.length + names.ips.length === 0;
}

/** What the signer answered, if it is what was asked for and leads to one of `rootsPem`. */
export function judgeSigned(
  chainPem: string,
  asked: { readonly csr: CertificateRequest; readonly identity: string; readonly rootsPem: string },
  clock: Pick<Clock, 'wallTime'>,
): Result<SignedBy, IdentityError> {
  const wrong = (why: string): Result<SignedBy, IdentityError> =>
    err(new IdentityError('signer_wrong_certificate', why));
  const blocks = pemBlocks(chainPem, 'CERTIFICATE');
  if (!blocks.ok || blocks.value.length === 0) return wrong(blocks.ok ? 'it is empty' : blocks.error.message);
  const leaf = parseCertificate(blocks.value[0] as Uint8Array);
  if (!leaf.ok) return wrong(leaf.error.message);
  const { names, publicKey, serial, notBeforeMs, notAfterMs } = leaf.value;
  if (!sameBytes(publicKey.spki, asked.csr.publicKey.spki)) return wrong('it is for another key');
  const found = [...names.uris, ...names.dns, ...names.emails, ...names.ips].join(', ');
  if (found !== asked.identity) return wrong(`it names ${found || 'nobody'} instead of ${asked.identity}`);
  for (const peerIs of ['client', 'server'] as const) {
    const verdict = makePeerCheck({
      roots: asked.rootsPem,
      crl: '',
      sanMatchers: [],
      trustDomains: undefined,
      required: true,
      peerIs,
      clock,
    })({ chain: blocks.value, resumed: false, sni: '' });
    if (!verdict.ok) return wrong(verdict.reason);
  }
  const chain = blocks.value.filter((der) => !isRoot(der)).map((der) => formatPem('CERTIFICATE', der));
  return ok({ chain, serial, notBeforeMs, notAfterMs });
}

function isRoot(der: Uint8Array): boolean {
  const parsed = parseCertificate(der);
  return parsed.ok && parsed.value.isCa && sameBytes(parsed.value.subject, parsed.value.issuer);
}
