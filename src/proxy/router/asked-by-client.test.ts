import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock, type RequestHead } from '#wire/http';
import type { CompiledRetryPolicy, ForwardTarget } from '../route/index.ts';
import { takeAsked } from './asked-by-client.ts';
import { RETRY_POLICY } from './retry-policy.testing.ts';
import { routeTimeouts, tellTimeout } from './timeouts.ts';

const POLICY: CompiledRetryPolicy = {
  ...RETRY_POLICY,
  on: new Set(['connect-failure']),
  retries: 2,
  perTryTimeoutMs: 300,
};

function block(fields: Readonly<Record<string, string>>): HeaderBlock {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) headers.add(name, value);
  return headers;
}

test('conditions, statuses and header names are added to those of the route; the number replaces it', () => {
  const headers = block({
    'X-Envoy-Retry-On': '5xx, retriable-status-codes',
    'x-envoy-retry-grpc-on': 'unavailable',
    'x-envoy-max-retries': '7',
    'x-envoy-retriable-status-codes': '418,nonsense,99',
    'x-envoy-retriable-header-names': 'X-Again',
    'x-other': 'stays',
  });
  const { retry } = takeAsked(headers, POLICY);
  assert.deepEqual([...(retry?.on ?? [])], ['connect-failure', '5xx', 'retriable-status-codes', 'unavailable']);
  assert.equal(retry?.retries, 7);
  assert.deepEqual([...(retry?.statusCodes ?? [])], [418]);
  assert.equal(retry?.retriableHeaders[0]?.(block({ 'x-again': '1' })), true);
  assert.equal(retry?.hostSelectionAttempts, 3, 'what the client can not ask is the route’s');
  assert.deepEqual([...headers.entries()], [['x-other', 'stays']], 'nobody behind is meant');
});

test('a route without a policy is tried once more on what the client names, and not for a number alone', () => {
  assert.equal(takeAsked(block({ 'x-envoy-retry-on': '5xx' }), undefined).retry?.retries, 1);
  assert.equal(takeAsked(block({ 'x-envoy-max-retries': '5' }), undefined).retry, undefined);
  assert.equal(takeAsked(block({ 'x-envoy-max-retries': '0' }), POLICY).retry?.retries, 0);
});

test('what is no number is not read, and goes all the same', () => {
  const headers = block({ 'x-envoy-max-retries': '-1', 'x-envoy-upstream-rq-timeout-ms': '1e3' });
  const asked = takeAsked(headers, POLICY);
  assert.equal(asked.retry, POLICY);
  assert.equal(asked.totalMs, undefined);
  assert.equal(headers.count, 0);
});

const NO_OPTIONS = { suppressHeaders: false, respectExpectedTimeout: false, strict: [] };

function headWith(fields: Readonly<Record<string, string>>): RequestHead {
  const head = { method: 'GET', path: '/', authority: 'web', scheme: 'http', version: '1.1', protocol: '' } as const;
  return { ...head, headers: block(fields) };
}

function target(fields: Partial<ForwardTarget> = {}): ForwardTarget {
  return { timeoutMs: 1000, retry: POLICY, hedge: false, ...fields } as unknown as ForwardTarget;
}

test('the client’s limits go before the route’s; an attempt’s that is as long as the whole is none', () => {
  const asked = { 'x-envoy-upstream-rq-timeout-ms': '400', 'x-envoy-upstream-rq-per-try-timeout-ms': '200' };
  const both = routeTimeouts(headWith(asked), target(), NO_OPTIONS);
  assert.deepEqual([both.totalMs, both.perTryMs], [400, 200]);
  const short = routeTimeouts(headWith({ 'x-envoy-upstream-rq-timeout-ms': '100' }), target(), NO_OPTIONS);
  assert.deepEqual([short.totalMs, short.perTryMs], [100, 0]);
});

test('what the proxy before expects counts only where the router respects it', () => {
  const head = headWith({ 'x-envoy-expected-rq-timeout-ms': '70' });
  assert.equal(routeTimeouts(head, target(), NO_OPTIONS).totalMs, 1000);
  assert.equal(routeTimeouts(head, target(), { ...NO_OPTIONS, respectExpectedTimeout: true }).totalMs, 70);
});

test('the endpoint hears of the attempt’s time, of what is left of the whole, and with hedging of the whole', () => {
  const told = (fields: Partial<ForwardTarget>, spentMs: number): string | undefined => {
    const headers = new HeaderBlock();
    tellTimeout(headers, routeTimeouts(headWith({}), target(fields), NO_OPTIONS), spentMs);
    return headers.get('x-envoy-expected-rq-timeout-ms');
  };
  assert.equal(told({}, 0), '300');
  assert.equal(told({}, 850), '150');
  assert.equal(told({}, 2000), '1');
  assert.equal(told({ hedge: true }, 0), '1000');
  assert.equal(told({ retry: undefined }, 0), '1000');
  assert.equal(told({ retry: undefined, timeoutMs: 0 }, 0), undefined);
});
