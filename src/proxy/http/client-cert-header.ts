// x-forwarded-client-cert: what becomes of the one that came, and what is said of this connection's client
// (Envoy: forward_client_cert_details, set_current_client_cert_details).

import { createHash } from 'node:crypto';
import type { TlsFacts } from '#base';
import type { HeaderBlock } from '#wire/http';

export type XfccMode = 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';

export interface XfccParts {
  readonly subject: boolean;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}

const NAME = 'x-forwarded-client-cert';

/** `element` is this connection's own part, made once per connection by `clientCertElement`. */
export function applyXfcc(headers: HeaderBlock, mode: XfccMode, mtls: boolean, element: string): void {
  switch (mode) {
    case 'always-forward-only':
      return;
    case 'forward-only':
      if (!mtls) headers.remove(NAME);
      return;
    case 'append-forward': {
      if (!mtls) {
        headers.remove(NAME);
        return;
      }
      const before = headers.getAll(NAME).join(',');
      headers.set(NAME, before === '' ? element : `${before},${element}`);
      return;
    }
    case 'sanitize-set':
      if (mtls) headers.set(NAME, element);
      else headers.remove(NAME);
      return;
    default:
      headers.remove(NAME);
  }
}

/** "By=…;Hash=…;Subject="…";URI=…" of a verified client; '' without one. */
export function clientCertElement(tls: TlsFacts | undefined, localUri: string, parts: XfccParts): string {
  const peer = tls?.peer;
  if (tls === undefined || peer === undefined || peer.kind !== 'verified') return '';
  const fields: string[] = [];
  if (localUri !== '') fields.push(`By=${localUri}`);
  const der = tls.peerCertificate;
  if (der !== undefined) fields.push(`Hash=${createHash('sha256').update(der).digest('hex')}`);
  if (parts.cert && der !== undefined) fields.push(`Cert="${encodeURIComponent(pem(der))}"`);
  if (parts.subject) fields.push(`Subject="${peer.subject.replace(/["\\]/g, '\\$&')}"`);
  if (parts.uri)
    fields.push(...(peer.uriSans.length === 0 ? ['URI='] : peer.uriSans.map((uri) => `URI=${quoted(uri)}`)));
  if (parts.dns) fields.push(...peer.dnsSans.map((name) => `DNS=${quoted(name)}`));
  // Header values are bytes kept as latin1: what is beyond it would lose its upper byte when sent, and become a quote or the line's end.
  return Buffer.from(fields.join(';'), 'utf8')
    .toString('latin1')
    .replace(/[\0\r\n]/g, '');
}

function quoted(value: string): string {
  return /[",;=]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
