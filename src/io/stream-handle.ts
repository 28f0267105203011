// Node's own handle behind a socket: reads go into one buffer for all sockets, writes go to the kernel at once.
//
// net.Socket's streams cost 64 kB of fresh memory a read and a dozen calls a write: a third of what the
// proxy's request costs. The handle is private: its shape is checked once, and another one stops the program.
import type { Socket } from 'node:net';

/** Node's WriteWrap: made once per write that the kernel did not take at once. */
export interface WriteRequest {
  oncomplete: ((this: WriteRequest, status: number) => void) | undefined;
  /** What must stay alive until then. */
  held: unknown;
  owner: unknown;
}

export interface StreamHandle {
  reading: boolean;
  onread: ReadFunction;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  /** Of TCP alone. */
  reset?(done: () => void): number;
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
  writeLatin1String(request: WriteRequest, text: string): number;
  /** `chunks` alternates data and encoding, or is only data when `allBuffers`. */
  writev(request: WriteRequest, chunks: unknown[], allBuffers: boolean): number;
  /** Of a TCP or pipe handle: bytes that the kernel has not taken, and all that were written. */
  readonly writeQueueSize?: number;
  readonly bytesWritten: number;
  /** Of a TLS handle: the one beneath it. */
  readonly _parent?: StreamHandle;
}

export type ReadFunction = (this: StreamHandle, data?: unknown) => Uint8Array | undefined;

interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

const METHODS = ['readStart', 'readStop', 'useUserBuffer', 'writeBuffer', 'writeLatin1String', 'writev'];

function load(): StreamWrap {
  const binding = (process as unknown as { binding?: (name: string) => Partial<StreamWrap> }).binding?.('stream_wrap');
  const numbers = [binding?.kReadBytesOrError, binding?.kLastWriteWasAsync];
  if (
    typeof binding?.WriteWrap !== 'function' ||
    binding.streamBaseState === undefined ||
    !numbers.every(Number.isInteger)
  )
    throw changed('its stream_wrap binding');
  return binding as StreamWrap;
}

function changed(what: string): Error {
  return new Error(
    `Sockets: this Node (${process.version}) has no longer what Topsail reads and writes through: ${what}; use the pinned Node`,
  );
}

const wrap = load();
const { streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = wrap;
let checked = false;

/** Undefined when the socket is closed. */
export function handleOf(socket: Socket): StreamHandle | undefined {
  const handle = (socket as unknown as { _handle: StreamHandle | null | undefined })._handle;
  if (handle === undefined) throw changed('socket._handle');
  if (!checked && handle !== null) {
    for (const name of METHODS)
      if (typeof handle[name as keyof StreamHandle] !== 'function') throw changed(`handle.${name}`);
    checked = true;
  }
  return handle ?? undefined;
}

/** Nothing where it is read already, or closed. */
export function startReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === undefined || handle.reading) return;
  handle.reading = true;
  handle.readStart();
}

export function stopReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === undefined || !handle.reading) return;
  handle.reading = false;
  handle.readStop();
}

/** The peer is to see a broken connection; over TLS and on a Unix socket it sees one that ends without a last word. */
export function resetSocket(socket: Socket): void {
  if (handleOf(socket)?.reset === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Of a socket with TLS: how many bytes the kernel has taken, when it has taken all that it was given; undefined where not, or where nobody knows. */
export function takenBeneath(socket: Socket): number | undefined {
  const beneath = handleOf(socket)?._parent;
  return beneath?.writeQueueSize === 0 ? beneath.bytesWritten : undefined;
}

export function newWriteRequest(): WriteRequest {
  return new wrap.WriteWrap();
}

/** Of the read that is being told: bytes, or a negative error number. */
export function readResult(): number {
  return streamBaseState[kReadBytesOrError] as number;
}

/** Of the write just made: its request is in use until `oncomplete`. */
export function lastWriteIsPending(): boolean {
  return streamBaseState[kLastWriteWasAsync] !== 0;
}
