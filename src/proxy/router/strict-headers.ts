// Requests whose own x-envoy headers are ill-formed are refused where the router is told to look (strict_check_headers).

import { RETRY_CONDITIONS } from '#base';
import type { HeaderBlock } from '#wire/http';
import type { LocalReply } from '../http/filter.ts';

/** x-envoy-retry-grpc-on has these, x-envoy-retry-on the others. */
const OF_GRPC: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);
const MOST = 2n ** 64n;

const WELL_FORMED: Readonly<Record<string, (value: string) => boolean>> = {
  'x-envoy-upstream-rq-timeout-ms': isNumber,
  'x-envoy-upstream-rq-per-try-timeout-ms': isNumber,
  'x-envoy-max-retries': isNumber,
  'x-envoy-retry-on': (value) => areAll(value, (one) => RETRY_CONDITIONS.includes(one) && !OF_GRPC.has(one)),
  'x-envoy-retry-grpc-on': (value) => areAll(value, (one) => OF_GRPC.has(one)),
};

/** `names`: in lower case. */
export function strictRefusal(headers: HeaderBlock, names: readonly string[]): LocalReply | undefined {
  for (const name of names) {
    const value = headers.get(name);
    if (value === undefined || WELL_FORMED[name]?.(value) !== false) continue;
    const body = `invalid header '${name}' with value '${value}'`;
    return { status: 400, flag: 'IH', details: `request_headers_failed_strict_check{${name}}`, body };
  }
  return undefined;
}

function isNumber(value: string): boolean {
  return /^\+?[0-9]{1,20}$/.test(value) && BigInt(value.replace('+', '')) < MOST;
}

function areAll(value: string, known: (one: string) => boolean): boolean {
  return value
    .split(',')
    .map((one) => one.trim())
    .every((one) => one === '' || known(one));
}
