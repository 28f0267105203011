// The gRPC project's interop cases by grpc-js (github.com/grpc/grpc, doc/interop-test-descriptions.md).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { read, write } from './service.ts';

const S = '/grpc.testing.TestService/';
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
const same = (bytes: Buffer): Buffer => bytes;
const inTime = (): grpc.CallOptions => ({ deadline: Date.now() + 60_000 });

interface Heard {
  readonly messages: Buffer[];
  status: grpc.StatusObject | undefined;
  metadata: grpc.Metadata | undefined;
}

type Case = (client: grpc.Client) => Promise<void>;

function unary(client: grpc.Client, path: string, request: Buffer, metadata = new grpc.Metadata()): Promise<Heard> {
  const heard: Heard = { messages: [], status: undefined, metadata: undefined };
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(path, same, same, request, metadata, inTime(), (_error, answer) => {
      if (answer !== undefined) heard.messages.push(answer);
    });
    call.on('metadata', (given: grpc.Metadata) => void (heard.metadata = given));
    call.on('status', (status: grpc.StatusObject) => {
      heard.status = status;
      setImmediate(() => resolve(heard));
    });
  });
}

function duplex(
  client: grpc.Client,
  options = inTime(),
  metadata = new grpc.Metadata(),
): {
  readonly call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly heard: Heard;
  readonly over: Promise<grpc.StatusObject>;
} {
  const call = client.makeBidiStreamRequest(`${S}FullDuplexCall`, same, same, metadata, options);
  return { call, ...listen(call) };
}

function listen(call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>): {
  readonly heard: Heard;
  readonly over: Promise<grpc.StatusObject>;
} {
  const heard: Heard = { messages: [], status: undefined, metadata: undefined };
  call.on('data', (message: Buffer) => heard.messages.push(message));
  call.on('error', () => {});
  call.on('metadata', (given: grpc.Metadata) => void (heard.metadata = given));
  const over = new Promise<grpc.StatusObject>((resolve) => {
    call.on('status', (status: grpc.StatusObject) => {
      heard.status = status;
      setImmediate(() => resolve(status));
    });
  });
  return { heard, over };
}

async function statusOf(client: grpc.Client, message: string): Promise<void> {
  const ask = write(0, { status: { code: 2, message } });
  const { status } = await unary(client, `${S}UnaryCall`, ask);
  assert.deepEqual([status?.code, status?.details], [2, message]);
  const { call, over } = duplex(client);
  call.write(ask);
  call.end();
  const ended = await over;
  assert.deepEqual([ended.code, ended.details], [2, message]);
}

export const CASES: Readonly<Record<string, Case>> = {
  async empty_unary(client) {
    const { messages, status } = await unary(client, `${S}EmptyCall`, Buffer.alloc(0));
    assert.deepEqual([status?.code, messages[0]?.length], [0, 0]);
  },
  async large_unary(client) {
    const { messages } = await unary(client, `${S}UnaryCall`, write(271_828, { size: 314_159 }));
    assert.equal(read(messages[0] as Buffer).bytes, 314_159);
  },
  async client_streaming(client) {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest(
        `${S}StreamingInputCall`,
        same,
        same,
        new grpc.Metadata(),
        inTime(),
        (error, given) => (error === null ? resolve(given as Buffer) : reject(error)),
      );
      for (const size of [27_182, 8, 1_828, 45_904]) call.write(write(size));
      call.end();
    });
    assert.equal(read(answer).head.total, 74_922);
  },
  async server_streaming(client) {
    const sizes = [31_415, 9, 2_653, 58_979];
    const call = client.makeServerStreamRequest(
      `${S}StreamingOutputCall`,
      same,
      same,
      write(0, { sizes }),
      new grpc.Metadata(),
      inTime(),
    );
    const { heard, over } = listen(call);
    assert.equal((await over).code, 0);
    assert.deepEqual(
      heard.messages.map((message) => read(message).bytes),
      sizes,
    );
  },
  async ping_pong(client) {
    const { call, heard, over } = duplex(client);
    for (const [ask, answer] of [
      [27_182, 31_415],
      [8, 9],
      [1_828, 2_653],
      [45_904, 58_979],
    ] as const) {
      const before = heard.messages.length;
      call.write(write(ask, { sizes: [answer] }));
      while (heard.messages.length === before) await once(call, 'data');
      assert.equal(read(heard.messages.at(-1) as Buffer).bytes, answer);
    }
    call.end();
    assert.equal((await over).code, 0);
  },
  async empty_stream(client) {
    const { call, heard, over } = duplex(client);
    call.end();
    assert.deepEqual([(await over).code, heard.messages.length], [0, 0]);
  },
  async cancel_after_begin(client) {
    const code = await new Promise<number>((resolve) => {
      const call = client.makeClientStreamRequest(
        `${S}StreamingInputCall`,
        same,
        same,
        new grpc.Metadata(),
        inTime(),
        (error) => resolve(error?.code ?? 0),
      );
      // Begun at the server too: grpc-js tells it nothing of a call that is cancelled before.
      setTimeout(() => call.cancel(), 100);
    });
    assert.equal(code, 1);
  },
  async cancel_after_first_response(client) {
    const { call, over } = duplex(client);
    call.write(write(27_182, { sizes: [31_415] }));
    await once(call, 'data');
    call.cancel();
    assert.equal((await over).code, 1);
  },
  async timeout_on_sleeping_server(client) {
    for (const [ms, seconds] of [
      [1, 0.5],
      [500, 3],
    ] as const) {
      const { call, over } = duplex(client, { deadline: Date.now() + ms });
      call.write(write(27_182, { sleep: seconds, sizes: [1] }));
      assert.equal((await over).code, 4);
    }
  },
  status_code_and_message: (client) => statusOf(client, 'test status message'),
  special_status_message: (client) => statusOf(client, SPECIAL),
  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab]));
    const one = await unary(client, `${S}UnaryCall`, write(271_828, { size: 314_159 }), metadata);
    const { call, heard, over } = duplex(client, inTime(), metadata);
    call.write(write(271_828, { sizes: [314_159] }));
    call.end();
    await over;
    for (const { metadata: initial, status } of [one, heard]) {
      assert.deepEqual(initial?.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
      assert.deepEqual(status?.metadata.get('x-grpc-test-echo-trailing-bin'), [Buffer.from([0xab, 0xab, 0xab])]);
    }
  },
  async unimplemented_method(client) {
    assert.equal((await unary(client, `${S}UnimplementedCall`, Buffer.alloc(0))).status?.code, 12);
  },
  async unimplemented_service(client) {
    const { status } = await unary(client, '/grpc.testing.UnimplementedService/UnimplementedCall', Buffer.alloc(0));
    assert.equal(status?.code, 12);
  },
  /** What was cancelled or late has ended at the server too. */
  async nothing_left(client) {
    let active: number | undefined;
    for (let i = 0; i < 900; i++) {
      const { messages } = await unary(client, `${S}Active`, Buffer.alloc(0));
      active = read(messages[0] as Buffer).head.active;
      if (active === 0) return;
      await sleep(100);
    }
    assert.equal(active, 0);
  },
};
