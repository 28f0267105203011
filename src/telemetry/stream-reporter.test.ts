// What a stream's record left open is filled in: its own workload, and the service that was asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamRecord, UNKNOWN_PEER } from './stream-record.ts';
import { StreamReporter } from './stream-reporter.ts';

function serviceOf(fields: Partial<StreamRecord>): string {
  const reporter = new StreamReporter({ local: { ...UNKNOWN_PEER, workload: 'details-v1', namespace: 'shop' } });
  const record = Object.assign(new StreamRecord(), fields);
  reporter.sink('destination').onStreamEnd(record);
  return record.destinationService;
}
const sni = (host: string): string => `outbound_.9080_.v1_.${host}`;

test('a request that was denied before a cluster was chosen belongs to the service that its caller asked for', () => {
  const host = 'details.shop.svc.cluster.local';
  assert.equal(serviceOf({ sni: sni(host), downstreamMtls: true }), host);
  assert.equal(serviceOf({ sni: sni(host), downstreamMtls: false }), '');
});

test('nobody names services of other namespaces, or what is no service, by an SNI', () => {
  for (const name of ['details.bank.svc.cluster.local', 'details.shop', 'x"} y.shop.svc.z', ''])
    assert.equal(serviceOf({ sni: sni(name), downstreamMtls: true }), '');
});
