// What a good token leaves behind: metadata for policies, headers for the application; and what of the token is taken away.

import type { ReadToken } from '#identity';
import type { StreamRecord } from '#telemetry';
import type { RequestHead } from '#wire/http';
import type { Provider } from './provider.ts';
import { removeTokens } from './token-location.ts';

export const JWT_METADATA = 'envoy.filters.http.jwt_authn';

/** Headers that only this filter may write: whatever a client sends in them is a lie. */
export function removeForged(head: RequestHead, providers: Iterable<Provider>): void {
  for (const { payloadHeader, claimHeaders } of providers) {
    if (payloadHeader !== '') head.headers.remove(payloadHeader);
    for (const { header } of claimHeaders) head.headers.remove(header);
  }
}

export function passOn(token: ReadToken, provider: Provider, head: RequestHead, record: StreamRecord): void {
  if (!provider.forward) for (const location of provider.locations) removeTokens(head, location);
  if (provider.payloadHeader !== '') {
    const padding = provider.padPayload ? '='.repeat((4 - (token.payloadText.length % 4)) % 4) : '';
    head.headers.set(provider.payloadHeader, token.payloadText + padding);
  }
  for (const { header, claim } of provider.claimHeaders) {
    const text = headerText(claimAt(token.payload, claim));
    if (text !== undefined) head.headers.add(header, text);
  }
  if (provider.payloadInMetadata !== '')
    record.addMetadata(JWT_METADATA, {
      [provider.payloadInMetadata]: normalized(token.payload, provider.spaceDelimited),
    });
}

function claimAt(payload: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = payload;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** As Envoy: text, numbers and truth as they are, the rest as base64url of its JSON. A claim never breaks out of its header. */
function headerText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') return Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = String(value);
  return /[\u0000-\u001f\u007f]/.test(text) ? undefined : Buffer.from(text, 'utf8').toString('latin1');
}

function normalized(
  payload: Readonly<Record<string, unknown>>,
  spaceDelimited: readonly string[],
): Readonly<Record<string, unknown>> {
  let made: Record<string, unknown> | undefined;
  for (const claim of spaceDelimited) {
    const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
    if (typeof value !== 'string') continue;
    made ??= { ...payload };
    made[claim] = value.split(' ').filter((part) => part !== '');
  }
  return made ?? payload;
}
