// One wrapper per socket: data comes straight from its handle to the handler's method and goes straight
// back, so that no request pays for a stream, an event or a buffer of its own.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';
import {
  beginRead,
  closeTurn,
  type Conn,
  type ConnError,
  type ConnHandler,
  type Draft,
  endRead,
  type ListenOptions,
  openTurn,
  runTurnEnd,
  type TlsFacts,
  type TlsServerOptions,
  type TlsServerResult,
} from '#base';
import { leaveBulkBuffer, nextBulkBuffer, READ_BYTES, returnBulkBuffer, takeBulkBuffer } from './bulk-buffers.ts';
import { type BulkReader, bulkTurns } from './bulk-turns.ts';
import { connErrorOf, writeError } from './conn-error.ts';
import { type Newcomer, newcomers } from './newcomers.ts';
import { originalDestination } from './original-destination.ts';
import { SocketAddresses } from './socket-addresses.ts';
import {
  handleOf,
  type ReadFunction,
  readResult,
  resetSocket,
  startReading,
  stopReading,
  type StreamHandle,
} from './stream-handle.ts';
import { startTlsServer } from './tls-server.ts';
import { type WriteOwner, WriteQueue } from './write-queue.ts';

const CONN = Symbol('conn');
type OwnedSocket = (Socket | TLSSocket) & { [CONN]: SocketConn };
type OwnedHandle = StreamHandle & { [CONN]?: SocketConn };

/** Less than this is copied out of the common buffer into Node's pool; more comes in a buffer of the connection's own, as long as it does. */
const SMALL_BYTES = 4096;
/** A long read whose bytes took this many ms, as thousands of frames of a few bytes do: so much at once is too much. */
const SLOW_MS = 20;
/** And so many small parts in a row, each in less than this, are bulk again. */
const QUICK_PARTS = 16;
const QUICK_MS = 1;
/** So many short reads of one connection over TLS, of which many come of one read of the kernel's, are as much as others wait for. */
const SHORT_TLS_MAX = 100;
/** All sockets read into this one: a read and its handler are over before the next one begins. */
const common = Buffer.allocUnsafeSlow(READ_BYTES);
const narrow = common.subarray(0, SMALL_BYTES);
/** Node's own reader, which knows what to do at the end and on errors. */
let nodeReader: ReadFunction | undefined;

let nextId = 1;

export class SocketConn implements Conn, WriteOwner, Newcomer, BulkReader {
  readonly id = nextId++;
  handler: ConnHandler;
  endedByPeer = false;
  tls: TlsFacts | undefined = undefined;
  readonly #socket: OwnedSocket;
  readonly #redirectedFrom: ListenOptions['redirectedFrom'];
  readonly #queue: WriteQueue;
  /** Where this connection's next read goes, when that is not the common buffer. */
  #own: Buffer | undefined = undefined;
  #unread: Buffer | undefined = undefined;
  /** The peer's end came while bytes before it were held back; and then the socket closed. */
  #endLater = false;
  #closeLater = false;
  /** Its owner wants nothing more of it. */
  #dropped = false;
  #paused = false;
  /** Others read first. */
  #waits = false;
  /** Over TLS, since others had their turn. */
  #shortReads = 0;
  /** It is read in small parts, until so many more of them were quick; 0: as much at once as there is. */
  #narrowFor = 0;
  #open = false;
  #ending = false;
  #error: ConnError | undefined = undefined;
  #closed = false;
  #released = false;
  #addresses = new SocketAddresses();

  constructor(socket: Socket, handler: ConnHandler, redirectedFrom?: ListenOptions['redirectedFrom']) {
    this.#socket = socket as OwnedSocket;
    this.#redirectedFrom = redirectedFrom;
    this.#socket[CONN] = this;
    this.#queue = new WriteQueue(socket, this);
    this.handler = handler;
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  /** The socket is up: what was written before leaves. */
  connected(): void {
    this.#queue.release();
  }

  /** Begins to deliver data and end; the constructor does not, since TLS facts must be there first. `accepted`: a newcomer, whose first words may wait. */
  open(accepted = false): void {
    const handle = handleOf(this.#socket) as OwnedHandle | undefined;
    if (this.#released || handle === undefined) return;
    this.#open = true;
    this.#socket.on('end', onEnd);
    nodeReader ??= handle.onread;
    handle[CONN] = this;
    handle.onread = accepted ? onFirstRead : onRead;
    handle.useUserBuffer(accepted ? narrow : common);
    // What Node's reader took before we came.
    const early = this.#socket.readableLength > 0 ? (this.#socket.read() as Buffer | null) : null;
    if (early !== null) this.unread(early);
    if (this.#paused) stopReading(this.#socket);
    else this.resume();
  }

  get remoteAddress(): string {
    return this.#addresses.of(this.#socket).remoteAddress;
  }
  get remotePort(): number {
    return this.#addresses.of(this.#socket).remotePort;
  }
  get localAddress(): string {
    return this.#addresses.of(this.#socket).localAddress;
  }
  get localPort(): number {
    return this.#addresses.of(this.#socket).localPort;
  }
  get holdsUnread(): boolean {
    return this.#unread !== undefined;
  }
  get destroyed(): boolean {
    return this.#socket.destroyed && !this.#closeLater;
  }
  get queuedBytes(): number {
    return this.#queue.bytes;
  }
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }
  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  write(data: Uint8Array): boolean {
    return this.#ending ? true : this.#queue.write(data);
  }
  writeText(text: string): boolean {
    return this.#ending ? true : this.#queue.write(text);
  }
  writeDraft(draft: Draft): boolean {
    return this.#ending ? true : this.#queue.writeDraft(draft);
  }
  cork(): void {
    this.#queue.hold();
  }
  uncork(): void {
    this.#queue.release();
  }
  pause(): void {
    this.#paused = true;
    if (this.#open) stopReading(this.#socket);
  }
  resume(): void {
    this.#paused = false;
    if (!this.#open) return;
    // Never from inside the caller: it has not finished what it resumes for.
    if (this.#unread !== undefined || this.#endLater) queueMicrotask(() => this.#deliverUnread());
    else if (!this.#waits) startReading(this.#socket);
  }
  end(): void {
    if (this.#ending || this.#closeLater) return;
    this.#ending = true;
    if (this.#queue.bytes === 0) this.#socket.end();
  }
  destroy(reset?: boolean): void {
    this.#dropped = true;
    if (this.#closeLater) {
      this.#closeLater = false;
      queueMicrotask(() => this.deliverClose());
    } else if (reset === true) resetSocket(this.#socket);
    else this.#socket.destroy();
  }
  unread(data: Buffer): void {
    this.#unread = this.#unread === undefined ? data : Buffer.concat([data, this.#unread]);
    if (this.#open && !this.#paused) this.resume();
  }
  originalDestination(): { readonly address: string; readonly port: number } | undefined {
    return this.#redirectedFrom ?? originalDestination(this.#socket);
  }

  startTlsServer(options: TlsServerOptions, done: (result: TlsServerResult) => void): void {
    const socket = this.#socket;
    this.#released = true;
    const handle = handleOf(socket);
    if (this.#open && handle !== undefined && nodeReader !== undefined) handle.onread = nodeReader;
    socket.pause();
    if (this.#unread !== undefined) socket.unshift(this.#unread);
    this.#unread = undefined;
    for (const [name, listener] of Object.entries(LISTENERS)) socket.off(name, listener as () => void);
    startTlsServer(socket, options, (result) => {
      if (!result.ok) return done(result);
      const conn = new SocketConn(result.socket, this.handler);
      conn.tls = result.facts;
      conn.#addresses = this.#addresses.of(socket);
      done({ ok: true, conn });
      conn.open();
    });
  }

  /** Why the socket is about to close, when its own error would say less. */
  blame(error: ConnError): void {
    this.#error ??= error;
  }

  // Called by the socket, its handle and the queue.

  /** Gives the buffer of the next read when that changes. */
  onRead(length: number): Buffer | undefined {
    const own = this.#own;
    if (length >= SMALL_BYTES) return this.#onLong(own, length);
    if (this.tls !== undefined && ++this.#shortReads >= SHORT_TLS_MAX) this.#letOthersRead();
    if (own === undefined && !this.#paused && this.#unread === undefined) {
      const { handler } = this;
      if (handler.onShortData?.(common, length) === true) return undefined;
    }
    this.#deliverCopy(own, length);
    return own === undefined ? undefined : common;
  }

  /** The first read's bytes, for which there was no turn in this round. */
  holdBack(length: number): void {
    this.#dataLater(Buffer.from(narrow.subarray(0, length)));
    newcomers.wait(this);
  }

  hear(): void {
    openTurn();
    try {
      this.#deliverUnread();
    } finally {
      closeTurn();
    }
  }

  #onLong(own: Buffer | undefined, length: number): Buffer | undefined {
    const beganMs = performance.now();
    let next: Buffer | undefined;
    if (this.#narrowFor > 0) this.#deliverCopy(own, length);
    else next = this.#onBulk(own, length);
    const endMs = performance.now();
    const ms = endMs - beganMs;
    if (!bulkTurns.mayReadOn(beganMs, endMs)) this.#letOthersRead();
    if (this.#narrowFor > 0) {
      this.#narrowFor = ms < QUICK_MS ? this.#narrowFor - 1 : QUICK_PARTS;
      return this.#narrowFor > 0 ? undefined : common;
    }
    if (ms < SLOW_MS) return next;
    this.#narrowFor = QUICK_PARTS;
    if (this.#own !== undefined) returnBulkBuffer(this.#own);
    this.#own = undefined;
    return narrow;
  }

  #deliverCopy(own: Buffer | undefined, length: number): void {
    const data = Buffer.allocUnsafe(length);
    (own ?? common).copy(data, 0, 0, length);
    this.#own = undefined;
    if (own !== undefined) returnBulkBuffer(own);
    this.#deliver(data);
  }

  /** The buffer is handed on as it is; the next read gets another, unless nobody kept anything of this one. */
  #onBulk(own: Buffer | undefined, length: number): Buffer | undefined {
    const buffer = own ?? takeBulkBuffer();
    if (own === undefined) common.copy(buffer, 0, 0, length);
    beginRead(buffer);
    this.#deliver(length === buffer.length ? buffer : buffer.subarray(0, length));
    runTurnEnd();
    const reusable = endRead(length);
    // Of one that is refused, or that nobody takes more of, the next read needs no buffer of its own yet.
    const rests = this.#paused || (reusable && (this.#ending || this.#dropped));
    const next = rests ? leaveBulkBuffer(buffer, reusable) : nextBulkBuffer(buffer, length, reusable);
    this.#own = next;
    return next === own ? undefined : (next ?? common);
  }

  #letOthersRead(): void {
    this.#shortReads = 0;
    if (this.#waits || this.#released || handleOf(this.#socket)?.reading !== true) return;
    this.#waits = true;
    stopReading(this.#socket);
    bulkTurns.wait(this);
  }

  readOn(): void {
    this.#waits = false;
    if (!this.#paused && !this.#released && this.#unread === undefined && !this.destroyed) startReading(this.#socket);
  }

  #deliver(data: Buffer): void {
    if (!this.#paused && this.#unread === undefined) return this.handler.onData(data);
    this.#dataLater(data);
  }

  #dataLater(data: Buffer): void {
    this.#unread = this.#unread === undefined ? data : Buffer.concat([this.#unread, data]);
    stopReading(this.#socket);
  }

  onWritten(drained: boolean): void {
    if (this.#ending) this.#socket.end();
    else if (drained) this.handler.onDrain();
  }

  onWriteError(status: number): void {
    this.#socket.destroy(writeError(status));
  }

  deliverEnd(): void {
    this.#queue.peerEnded();
    this.endedByPeer ||= !this.#ending && !this.#dropped;
    if (this.#unread === undefined) this.handler.onEnd();
    else this.#endLater = true;
  }
  deliverError(error: Error): void {
    this.endedByPeer ||= !this.#ending && !this.#dropped;
    this.#error ??= connErrorOf(error);
  }
  deliverClose(): void {
    if (this.#closed || this.#released) return;
    // TLS reads on behind a pause: whoever will resume has not heard all yet.
    if (this.#open && !this.#dropped && this.#error === undefined && (this.#unread !== undefined || this.#endLater)) {
      this.#closeLater = true;
      return;
    }
    this.#closed = true;
    if (this.#own !== undefined) returnBulkBuffer(this.#own);
    this.#own = undefined;
    this.handler.onClose(this.#error);
  }

  #deliverUnread(): void {
    if (this.#paused || this.#released || this.destroyed) return;
    const data = this.#unread;
    this.#unread = undefined;
    if (data !== undefined) this.handler.onData(data);
    if (this.#paused || this.#dropped || this.#unread !== undefined) return;
    if (this.#endLater) {
      this.#endLater = false;
      this.handler.onEnd();
    }
    if (this.#closeLater) {
      this.#closeLater = false;
      this.deliverClose();
    } else if (!this.#waits) startReading(this.#socket);
  }
}

function onRead(this: OwnedHandle, data?: unknown): Uint8Array | undefined {
  const length = readResult();
  if (length > 0) {
    openTurn();
    try {
      return (this[CONN] as SocketConn).onRead(length);
    } finally {
      closeTurn();
    }
  }
  return (nodeReader as ReadFunction).call(this, data);
}
/** As much as most requests have: whoever has to wait keeps no more. */
function onFirstRead(this: OwnedHandle, data?: unknown): Uint8Array | undefined {
  const length = readResult();
  this.onread = onRead;
  if (length <= 0 || newcomers.mayBeHeard()) return onRead.call(this, data) ?? common;
  (this[CONN] as SocketConn).holdBack(length);
  return common;
}
function onEnd(this: OwnedSocket): void {
  this[CONN].deliverEnd();
}
function onError(this: OwnedSocket, error: Error): void {
  this[CONN].deliverError(error);
}
function onClose(this: OwnedSocket): void {
  this[CONN].deliverClose();
}

/** Listeners of several shapes, all with the socket as `this`. */
type SocketListener = (this: OwnedSocket, ...args: never[]) => void;
const LISTENERS: Readonly<Record<string, SocketListener>> = { end: onEnd, error: onError, close: onClose };
