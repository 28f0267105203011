import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '#base';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { prepareRequest } from './forwarding-headers.ts';
import type { ManagerConfig } from './manager-config.ts';

const STEERING = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-force-trace',
  'x-envoy-attempt-count',
];
const NAMING = ['x-envoy-downstream-service-cluster', 'x-envoy-downstream-service-node', 'x-envoy-decorator-operation'];

/** What is left of the headers of a client at this address, behind `xff`. */
function passed(config: Partial<ManagerConfig>, address: string, xff?: string): string[] {
  const headers = new HeaderBlock();
  for (const name of [...STEERING, ...NAMING, 'X-Internal-Only', 'x-own']) headers.add(name, '1');
  if (xff !== undefined) headers.add('x-forwarded-for', xff);
  const head = { method: 'GET', path: '/', authority: 'web', scheme: 'http', version: '1.1', protocol: '', headers };
  prepareRequest(
    head as RequestHead,
    { remoteAddress: address, localPort: 80, tls: false },
    {
      underscores: 'allow',
      stripPort: 'none',
      schemeOverwrite: '',
      addUserAgent: '',
      via: '',
      trustedHops: 0,
      internalAddress: (one: string) => one.startsWith('10.'),
      routes: { name: 'r', current: { internalOnlyHeaders: ['x-internal-only'] } },
      ...config,
    } as unknown as ManagerConfig,
    new SeededRandom(1),
  );
  return [...headers.entries()].map(([name]) => name);
}

test('an edge takes from strangers what steers, what names who calls, and what routes keep for internal clients', () => {
  const left = passed({ useRemoteAddress: true }, '192.0.2.1');
  for (const name of [...STEERING, ...NAMING, 'x-internal-only']) assert.ok(!left.includes(name), name);
  assert.ok(left.includes('x-own'));
  assert.ok(left.includes('x-envoy-external-address'));
});

test('a client of the internal addresses keeps them', () => {
  const left = passed({ useRemoteAddress: true }, '10.0.0.1');
  for (const name of [...STEERING, ...NAMING, 'x-internal-only']) assert.ok(left.includes(name), name);
  assert.ok(left.includes('x-envoy-internal'));
});

test('whoever has been through another proxy is no internal client at an edge, whatever it says', () => {
  const left = passed({ useRemoteAddress: true }, '10.0.0.1', '10.0.0.9');
  for (const name of STEERING) assert.ok(!left.includes(name), name);
});

test('inside the mesh what names who calls stays, and what steers goes', () => {
  const left = passed({ useRemoteAddress: false }, '10.0.0.1');
  for (const name of STEERING) assert.ok(!left.includes(name), name);
  for (const name of NAMING) assert.ok(left.includes(name), name);
});
