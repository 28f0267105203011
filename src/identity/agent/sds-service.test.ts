import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { silentLogger, TYPE_URL } from '#base';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '#proto/envoy/service/discovery/v3/discovery_pb.ts';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { MethodHandler, ServerCall } from '#wire/grpc';
import { makeRoot } from '../ca/signing-authority.ts';
import { readCertificateSecret, readTrustSecret } from '../read-certificate-secret.ts';
import type { SecretValue } from '../secret-source.ts';
import { makePeer } from '../testing/make-peer.ts';
import { makeSdsMethods } from './sds-service.ts';
import { SecretSlots } from './secret-slots.ts';

const NOW = 1_750_000_000_000;
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });

function certificate(): SecretValue {
  const pair = makePeer(root, NOW);
  const read = readCertificateSecret(pair.pem, pair.keyPem);
  assert.ok(read.ok);
  return read.value;
}

async function open(method: string, slots: SecretSlots) {
  const sent: Uint8Array[] = [];
  const line = { writable: true };
  const call = {
    path: '',
    metadata: {},
    peer: { kind: 'unix', address: '', verdict: { kind: 'anonymous' } },
    deadline: undefined,
    open: true,
    get writable() {
      return line.writable;
    },
    sendHeaders: () => {},
    send: (...parts: Uint8Array[]) => (sent.push(Buffer.concat(parts)), line.writable),
    end: () => {},
    pause: () => {},
    resume: () => {},
  } as unknown as ServerCall;
  const handler = (await makeSdsMethods(slots, silentLogger)).get(
    `/envoy.service.secret.v3.SecretDiscoveryService/${method}`,
  ) as MethodHandler;
  return { sent, line, stream: handler(call) };
}

function names(resources: readonly { value: Uint8Array }[]): string[] {
  return resources.map((any) => fromBinary(SecretSchema, any.value).name);
}

test('state of the world: what is known comes at once, renewals by themselves, acknowledgements bring nothing', async () => {
  const slots = new SecretSlots(['default', 'ROOTCA']);
  slots.set('default', certificate());
  const { sent, stream } = await open('StreamSecrets', slots);
  const ask = (responseNonce: string): void =>
    stream.onMessage(
      toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, {
          typeUrl: TYPE_URL.secret,
          resourceNames: ['default', 'ROOTCA'],
          responseNonce,
        }),
      ),
    );
  ask('');
  ask('1');
  assert.equal(sent.length, 1);
  const trust = readTrustSecret(root.rootsPem);
  assert.ok(trust.ok);
  slots.set('ROOTCA', trust.value);
  slots.set('default', certificate());
  const responses = sent.map((bytes) => fromBinary(DiscoveryResponseSchema, bytes));
  assert.deepEqual(
    responses.map((response) => names(response.resources)),
    [['default'], ['default', 'ROOTCA'], ['default', 'ROOTCA']],
  );
  assert.deepEqual(
    responses.map((response) => response.nonce),
    ['1', '2', '3'],
  );
  stream.onClosed?.({ code: 0, message: '' });
  slots.set('default', certificate());
  assert.equal(sent.length, 3);
});

test('delta: only what changed is sent, a withdrawn secret is removed, a slow reader gets the newest only', async () => {
  const slots = new SecretSlots(['default']);
  slots.set('default', certificate());
  const { sent, line, stream } = await open('DeltaSecrets', slots);
  stream.onMessage(
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { typeUrl: TYPE_URL.secret, resourceNamesSubscribe: ['default', 'nobody'] }),
    ),
  );
  line.writable = false;
  const newest = certificate();
  slots.set('default', certificate());
  slots.set('default', newest);
  line.writable = true;
  stream.onDrain?.();
  slots.set('default', { kind: 'error', code: 'x', message: '' });
  const responses = sent.map((bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes));
  assert.deepEqual(
    responses.map((response) => [response.resources.map((r) => r.name), response.removedResources]),
    [
      [['default'], ['nobody']],
      [['default'], []],
      [[], ['default']],
    ],
  );
  assert.equal(responses[1]?.resources[0]?.version, newest.kind === 'certificate' && newest.version);
});

test('another type is refused', async () => {
  const { stream } = await open('StreamSecrets', new SecretSlots([]));
  assert.throws(
    () =>
      stream.onMessage(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { typeUrl: TYPE_URL.cluster }))),
    /secrets only/,
  );
});
