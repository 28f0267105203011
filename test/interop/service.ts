// The gRPC project's TestService on grpc-js, with messages as bytes: "<json>\n<body>".
import * as grpc from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;
const shape = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const method = (name: string, requestStream: boolean, responseStream: boolean): object => ({
  path: `/grpc.testing.TestService/${name}`,
  requestStream,
  responseStream,
  ...shape,
});

export const TEST_SERVICE = {
  EmptyCall: method('EmptyCall', false, false),
  UnaryCall: method('UnaryCall', false, false),
  StreamingInputCall: method('StreamingInputCall', true, false),
  StreamingOutputCall: method('StreamingOutputCall', false, true),
  FullDuplexCall: method('FullDuplexCall', true, true),
  Active: method('Active', false, false),
} as unknown as grpc.ServiceDefinition;

interface Head {
  readonly size?: number;
  readonly sizes?: readonly number[];
  readonly sleep?: number;
  readonly total?: number;
  readonly active?: number;
  readonly status?: { readonly code: number; readonly message: string };
}

export function write(size: number, head: Head = {}): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), Buffer.alloc(size)]);
}

export function read(message: Buffer): { readonly head: Head; readonly bytes: number } {
  const at = message.indexOf(10);
  return at < 0
    ? { head: {}, bytes: 0 }
    : { head: JSON.parse(message.toString('utf8', 0, at)) as Head, bytes: message.length - at - 1 };
}

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
let active = 0;

type Call =
  | grpc.ServerUnaryCall<Buffer, Buffer>
  | grpc.ServerReadableStream<Buffer, Buffer>
  | grpc.ServerWritableStream<Buffer, Buffer>
  | grpc.ServerDuplexStream<Buffer, Buffer>;

/** Counts the call until it is over; gives the trailers that it must end with. */
function enter(call: Call): { readonly trailers: grpc.Metadata; readonly leave: () => void } {
  active++;
  let left = false;
  const leave = (): void => {
    if (!left) active--;
    left = true;
  };
  (call as grpc.ServerUnaryCall<Buffer, Buffer>).on('cancelled', leave);
  const trailers = new grpc.Metadata();
  const [initial] = call.metadata.get(INITIAL);
  const [trailing] = call.metadata.get(TRAILING);
  if (initial !== undefined) {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, initial);
    call.sendMetadata(metadata);
  }
  if (trailing !== undefined) trailers.set(TRAILING, trailing);
  return { trailers, leave };
}

const handlers: grpc.UntypedServiceImplementation = {
  EmptyCall(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    const { trailers, leave } = enter(call);
    done(null, Buffer.alloc(0), trailers);
    leave();
  },
  UnaryCall(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    const { trailers, leave } = enter(call);
    const { head } = read(call.request);
    if (head.status !== undefined) done({ code: head.status.code, details: head.status.message, metadata: trailers });
    else done(null, write(head.size ?? 0), trailers);
    leave();
  },
  StreamingInputCall(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    const { trailers, leave } = enter(call);
    let total = 0;
    call.on('data', (message: Buffer) => (total += read(message).bytes));
    call.on('error', leave);
    call.on('end', () => {
      done(null, write(0, { total }), trailers);
      leave();
    });
  },
  StreamingOutputCall(call: grpc.ServerWritableStream<Buffer, Buffer>) {
    const { trailers, leave } = enter(call);
    for (const size of read(call.request).head.sizes ?? []) call.write(write(size));
    call.end(trailers);
    leave();
  },
  FullDuplexCall(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
    const { trailers, leave } = enter(call);
    let asleep = 0;
    let ended = false;
    const finish = (): void => {
      if (!ended || asleep > 0) return;
      call.end(trailers);
      leave();
    };
    call.on('data', (message: Buffer) => {
      const { head } = read(message);
      if (head.status !== undefined) {
        call.emit('error', { code: head.status.code, details: head.status.message, metadata: trailers });
        leave();
        return;
      }
      asleep++;
      setTimeout(
        () => {
          asleep--;
          for (const size of head.sizes ?? []) call.write(write(size));
          finish();
        },
        (head.sleep ?? 0) * 1000,
      );
    });
    call.on('error', leave);
    call.on('end', () => {
      ended = true;
      finish();
    });
  },
  Active(_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    done(null, write(0, { active }));
  },
};

export async function startService(): Promise<{ readonly port: number; close(): void }> {
  const server = new grpc.Server();
  server.addService(TEST_SERVICE, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}
