import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Http2ProtocolOptionsSchema } from '#proto/envoy/config/core/v3/protocol_pb.ts';
import { ConfigError } from '../errors.ts';
import { readH2Settings } from './h2-settings.ts';

function read(init: MessageInitShape<typeof Http2ProtocolOptionsSchema>, towards: 'client' | 'endpoint' = 'client') {
  const warnings: string[] = [];
  const settings = readH2Settings(create(Http2ProtocolOptionsSchema, init), towards, 'h2', (field, reason) =>
    warnings.push(`${field}: ${reason}`),
  );
  return { ...settings, warnings };
}

test('without options nothing is changed', () => {
  assert.deepEqual(
    readH2Settings(undefined, 'client', 'h2', () => assert.fail()),
    { limits: {}, keepAlive: undefined },
  );
  assert.deepEqual(read({ allowConnect: true }), { limits: {}, keepAlive: undefined, warnings: [] });
});

test('windows and streams are taken as they are written', () => {
  const { limits, warnings } = read({
    initialStreamWindowSize: 65_536,
    initialConnectionWindowSize: 1_048_576,
    maxConcurrentStreams: 7,
  });
  assert.deepEqual(limits, { streamWindowBytes: 65_536, connectionWindowBytes: 1_048_576, concurrentStreamsMax: 7 });
  assert.deepEqual(warnings, []);
});

test('more than the proxy gives is cut and said', () => {
  const all = {
    initialStreamWindowSize: 268_435_456,
    initialConnectionWindowSize: 268_435_456,
    maxConcurrentStreams: 2_147_483_647,
  };
  const client = read(all);
  assert.deepEqual(client.limits, {
    streamWindowBytes: 16 * 1024 * 1024,
    connectionWindowBytes: 128 * 1024 * 1024,
    concurrentStreamsMax: 65_536,
  });
  assert.deepEqual(
    client.warnings.map((text) => text.slice(0, text.indexOf(':'))),
    ['h2.initial_stream_window_size', 'h2.initial_connection_window_size', 'h2.max_concurrent_streams'],
  );
  // An endpoint announces its own bound: ours is what Istio writes.
  assert.equal(read(all, 'endpoint').limits.concurrentStreamsMax, 2_147_483_647);
});

test('what HTTP/2 or Envoy would refuse is refused', () => {
  for (const init of [
    { initialStreamWindowSize: 65_534 },
    { initialConnectionWindowSize: 1 },
    { initialConnectionWindowSize: 2_147_483_648 },
    { maxConcurrentStreams: 0 },
    { connectionKeepalive: { interval: { seconds: 1n } } },
  ])
    assert.throws(() => read(init), ConfigError);
});

test('keep-alive: an interval, a time-out and Envoy’s jitter', () => {
  assert.deepEqual(read({ connectionKeepalive: { interval: { seconds: 30n }, timeout: { seconds: 5n } } }).keepAlive, {
    intervalMs: 30_000,
    timeoutMs: 5000,
    jitter: 0.15,
  });
  const idle = read({ connectionKeepalive: { timeout: { seconds: 5n }, connectionIdleInterval: { seconds: 1n } } });
  assert.equal(idle.keepAlive, undefined);
  assert.equal(idle.warnings.length, 1);
});

test('each option without effect is named', () => {
  const { warnings } = read({
    hpackTableSize: 0,
    allowMetadata: true,
    maxOutboundFrames: 10,
    customSettingsParameters: [{ identifier: 77, value: 1 }],
  });
  assert.deepEqual(
    warnings.map((text) => text.slice(0, text.indexOf(':'))),
    ['h2.hpack_table_size', 'h2.allow_metadata', 'h2.max_outbound_frames', 'h2.custom_settings_parameters'],
  );
});
