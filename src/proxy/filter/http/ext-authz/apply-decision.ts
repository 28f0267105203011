// Changes a head as a decision says, within what a decision may change.

import type { HeaderBlock } from '#wire/http';
import type { HeaderChange } from './decision.ts';

/** Names that are tokens, values without control characters; the request's target and framing stay what they were judged to be. */
export function isSafeHeader({ name, value }: HeaderChange): boolean {
  return (
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) &&
    !FRAMING.has(name.toLowerCase()) &&
    !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)
  );
}

const FRAMING = new Set(['connection', 'content-length', 'host', 'keep-alive', 'te', 'transfer-encoding', 'upgrade']);

export function applyHeaders(headers: HeaderBlock, changes: readonly HeaderChange[]): void {
  for (const { name, value, how } of changes) {
    if (how === 'append') headers.add(name, value);
    else if (how === 'set' || headers.has(name.toLowerCase()) === (how === 'overwrite-existing'))
      headers.set(name, value);
  }
}

export function setQuery(path: string, set: readonly (readonly [string, string])[], remove: readonly string[]): string {
  const question = path.indexOf('?');
  const query = new URLSearchParams(question < 0 ? '' : path.slice(question + 1));
  for (const [name, value] of set) query.set(name, value);
  for (const name of remove) query.delete(name);
  const bare = question < 0 ? path : path.slice(0, question);
  const text = query.toString();
  return text === '' ? bare : `${bare}?${text}`;
}
