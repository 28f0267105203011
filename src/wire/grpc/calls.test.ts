import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom } from '#base';
import { GrpcChannel } from './channel.ts';
import { GrpcError } from './errors.ts';
import { type MemoryLink, memoryLink } from './memory-transport.ts';
import { GrpcServer, type MethodHandler, unaryMethod } from './server.ts';
import { GRPC_STATUS, type GrpcStatus } from './status.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function pair(methods: Record<string, MethodHandler>): {
  clock: FakeClock;
  server: GrpcServer;
  channel: GrpcChannel;
  link: MemoryLink;
} {
  const clock = new FakeClock();
  const server = new GrpcServer({ clock });
  for (const [path, handler] of Object.entries(methods)) server.register(path, handler);
  const link = memoryLink({ clock, accept: (stream) => server.accept(stream) });
  const channel = new GrpcChannel({ dialer: link.dialer, clock, random: new SeededRandom(1) });
  return { clock, server, channel, link };
}

test('a unary call has its answer', async () => {
  const { clock, channel } = pair({ '/s/Echo': unaryMethod((request) => request) });
  const answer = channel.callUnary('/s/Echo', bytes('hello'));
  clock.advance(0);
  const result = await answer;
  assert.ok(result.ok && text(result.message) === 'hello');
});

test('the error of a method is the status of the call, with its message', async () => {
  const { clock, channel } = pair({
    '/s/No': unaryMethod(() => {
      throw new GrpcError(GRPC_STATUS.permissionDenied, 'nur für Mitglieder');
    }),
  });
  const answer = channel.callUnary('/s/No', bytes(''));
  clock.advance(0);
  const result = await answer;
  assert.deepEqual(result.ok ? undefined : result.status, {
    code: GRPC_STATUS.permissionDenied,
    message: 'nur für Mitglieder',
  });
});

test('an unknown method is unimplemented', async () => {
  const { clock, channel } = pair({});
  const answer = channel.callUnary('/s/None', bytes(''));
  clock.advance(0);
  const result = await answer;
  assert.equal(result.ok ? 0 : result.status.code, GRPC_STATUS.unimplemented);
});

test('both sides of a call learn that its deadline passed', async () => {
  const ended: GrpcStatus[] = [];
  const { clock, channel, server } = pair({
    '/s/Slow': () => ({ onMessage() {}, onHalfClose() {}, onClosed: (status) => ended.push(status) }),
  });
  const answer = channel.callUnary('/s/Slow', bytes(''), { timeoutMs: 500 });
  clock.advance(0);
  assert.equal(server.openCalls, 1);
  clock.advance(501);
  const result = await answer;
  assert.equal(result.ok ? 0 : result.status.code, GRPC_STATUS.deadlineExceeded);
  assert.equal(ended.length, 1);
  assert.equal(server.openCalls, 0);
});

test('cancelling reaches the server', () => {
  const ended: GrpcStatus[] = [];
  const { clock, channel } = pair({
    '/s/Stream': () => ({ onMessage() {}, onHalfClose() {}, onClosed: (status) => ended.push(status) }),
  });
  const outcome: GrpcStatus[] = [];
  const call = channel.openStream('/s/Stream', { onMessage() {}, onStatus: (status) => outcome.push(status) });
  call.send(bytes('x'));
  clock.advance(0);
  call.cancel();
  clock.advance(0);
  assert.equal(outcome[0]?.code, GRPC_STATUS.cancelled);
  assert.equal(ended[0]?.code, GRPC_STATUS.cancelled);
});

test('a sender learns that the receiver is slow, and when it is so no longer', () => {
  const events: string[] = [];
  const { clock, channel, link } = pair({
    '/s/Push': (call) => ({
      onMessage() {
        events.push(call.send(new Uint8Array(100)) ? 'room' : 'full', call.writable ? 'writable' : 'not');
      },
      onHalfClose() {},
      onDrain: () => events.push('drained'),
    }),
  });
  link.highMark = 10;
  const call = channel.openStream('/s/Push', { onMessage: () => events.push('message'), onStatus() {} });
  call.send(bytes('x'));
  clock.advance(0);
  assert.deepEqual(events, ['full', 'not', 'message', 'drained']);
});

test('a channel reconnects with growing, jittered waits, and only calls that want to wait do', () => {
  const { clock, channel, link } = pair({ '/s/Stream': () => ({ onMessage() {}, onHalfClose() {} }) });
  link.refuse = true;
  const outcomes: (GrpcStatus | undefined)[] = [undefined, undefined];
  channel.openStream('/s/Stream', { onMessage() {}, onStatus: (status) => (outcomes[0] = status) });
  channel.openStream(
    '/s/Stream',
    { onMessage() {}, onStatus: (status) => (outcomes[1] = status) },
    { waitForReady: true },
  );
  clock.advance(0);
  assert.equal(outcomes[0]?.code, GRPC_STATUS.unavailable);
  assert.equal(channel.state, 'backoff');
  assert.equal(outcomes[1], undefined);
  clock.advance(1200);
  assert.equal(channel.state, 'backoff');
  link.refuse = false;
  clock.advance(2000);
  assert.equal(channel.state, 'ready');
  assert.equal(outcomes[1], undefined);
});

test('calls on a connection that breaks end as unavailable', () => {
  const { clock, channel, link } = pair({ '/s/Stream': () => ({ onMessage() {}, onHalfClose() {} }) });
  const outcome: GrpcStatus[] = [];
  channel.openStream('/s/Stream', { onMessage() {}, onStatus: (status) => outcome.push(status) });
  clock.advance(0);
  link.cut();
  clock.advance(0);
  assert.equal(outcome[0]?.code, GRPC_STATUS.unavailable);
});
