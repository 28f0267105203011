import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FakeClock, SeededRandom } from '#base';
import { ClientStatusRequestSchema, ClientStatusResponseSchema } from '#proto/envoy/service/status/v3/csds_pb.ts';
import { GRPC_STATUS, GrpcChannel, GrpcServer, memoryLink, type UnaryResult } from '#wire/grpc';
import { FakeXdsClient, resource, SHORT } from '../testing/fake-client.ts';
import { registerClientStatus } from './client-status.ts';
import { MapBackend } from './map-backend.ts';
import { XdsServer } from './server.ts';

function fetch(allowed: boolean): Promise<UnaryResult> {
  const clock = new FakeClock();
  const backend = new MapBackend();
  backend.set({ [SHORT.CDS]: [resource('CDS', 'a')], [SHORT.SDS]: [resource('SDS', 's')] });
  const xds = new XdsServer({ backend, clock });
  const client = new FakeXdsClient(xds, clock, { variant: 'delta' });
  client.subscribe('CDS').subscribe('SDS', ['s']);
  client.take();
  client.autoAck = false;
  backend.set({ [SHORT.CDS]: [resource('CDS', 'a', '2')] });
  client.take();
  client.answer('CDS', 'a: bad');
  client.take();
  const grpc = new GrpcServer({ clock });
  registerClientStatus(grpc, xds, () => allowed);
  const { dialer } = memoryLink({ clock, accept: (stream) => grpc.accept(stream) });
  const request = create(ClientStatusRequestSchema, {
    nodeMatchers: [{ nodeId: { matchPattern: { case: 'exact', value: xds.proxies()[0]?.id ?? '' } } }],
  });
  const answer = new GrpcChannel({ dialer, clock, random: new SeededRandom(1) }).callUnary(
    '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus',
    toBinary(ClientStatusRequestSchema, request),
  );
  clock.advance(0);
  return answer;
}

test('an administrator sees what a proxy holds and what it rejected, but no secret', async () => {
  const answer = await fetch(true);
  assert.ok(answer.ok);
  const [config] = fromBinary(ClientStatusResponseSchema, answer.message).config;
  const rows = config?.genericXdsConfigs.map((g) => [
    g.name,
    g.configStatus,
    g.clientStatus,
    g.errorState?.details ?? '',
    g.xdsConfig !== undefined,
  ]);
  assert.deepEqual(rows, [
    ['a', 4, 4, 'a: bad', true],
    ['s', 1, 3, '', false],
  ]);
});

test('nobody else does', async () => {
  const answer = await fetch(false);
  assert.equal(answer.ok ? 0 : answer.status.code, GRPC_STATUS.permissionDenied);
});
