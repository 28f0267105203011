import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientPools, UpstreamClient } from './client-pools.ts';
import type { HttpPool } from './http-pool.ts';
import type { ClientAddresses } from './proxy-header.ts';
import type { Transport } from './transport.ts';

const transportOf = (key: string): Transport => ({
  key,
  ready: true,
  tls: false,
  localPrincipal: '',
  connect: () => assert.fail('nothing connects here'),
  forClient: (client: ClientAddresses) => transportOf(`${key} for ${client.remoteAddress}`),
});
const transport = transportOf('plain');
const client = (remoteAddress: string) =>
  new UpstreamClient({ remoteAddress, remotePort: 1, localAddress: '10.0.0.1', localPort: 80 });

function poolOf(drained: string[], name: string): HttpPool {
  return { request: () => {}, cancel: () => {}, drain: () => void drained.push(name), activeConnections: 0 };
}

test('each client has pools of its own, the same ones as long as it is there', () => {
  const pools = new ClientPools();
  const [a, b] = [client('10.0.0.2'), client('10.0.0.2')];
  const own = pools.of(a, transport);
  assert.equal(pools.of(a, transport), own);
  assert.notEqual(pools.of(b, transport), own);
  assert.equal(own.transport.key, 'plain for 10.0.0.2');
});

test('a client that goes takes its pools of all endpoints along, and nobody else’s', () => {
  const drained: string[] = [];
  const endpoints = [new ClientPools(), new ClientPools()];
  const [a, b] = [client('10.0.0.2'), client('10.0.0.3')];
  for (const [i, pools] of endpoints.entries()) {
    pools.of(a, transport).default = poolOf(drained, `a${i}`);
    pools.of(b, transport).asDownstream = poolOf(drained, `b${i}`);
  }
  a.close();
  assert.deepEqual(drained, ['a0', 'a1']);
  a.close();
  assert.deepEqual(drained, ['a0', 'a1']);
});

test('an endpoint that goes drains the pools of all clients, once', () => {
  const drained: string[] = [];
  const pools = new ClientPools();
  const [a, b] = [client('10.0.0.2'), client('10.0.0.3')];
  pools.of(a, transport).default = poolOf(drained, 'a');
  pools.of(b, transport).high = poolOf(drained, 'b');
  pools.close();
  assert.deepEqual(drained, ['a', 'b']);
  a.close();
  assert.deepEqual(drained, ['a', 'b']);
});
