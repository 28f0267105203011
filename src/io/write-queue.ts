// What a connection still has to write. The kernel takes almost every write at once; what follows one that
// it did not take is kept, and leaves in one call when that one is done (as Node's own streams do it).
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { consumeBytes, type Draft } from '#base';
import {
  handleOf,
  lastWriteIsPending,
  newWriteRequest,
  type StreamHandle,
  takenBeneath,
  type WriteRequest,
} from './stream-handle.ts';

/** More than this queued: the writer is told to stop. */
const HIGH_BYTES = 64 * 1024;

export interface WriteOwner {
  /** The queue is empty. `drained`: a write had returned false before. */
  onWritten(drained: boolean): void;
  /** An error number of libuv. */
  onWriteError(status: number): void;
}

/** Made anew only when the kernel kept the one before. */
let spare: WriteRequest | undefined;
/** What a write that waits failed with before its call returned, as those over TLS do: an error number; 0: it did not. */
let failedAtOnce = 0;

export class WriteQueue {
  /** Bytes that the kernel has not taken. */
  bytes = 0;
  #chunks: (string | Uint8Array)[] = [];
  #chunkBytes = 0;
  #texts = 0;
  #inFlight = false;
  /** Corks, and one while the socket connects. */
  #holds: number;
  #full = false;
  /** OpenSSL has taken the bytes when a write returns, done or not. */
  readonly #copies: boolean;
  #peerEnded = false;
  readonly #socket: Socket;
  readonly #owner: WriteOwner;

  constructor(socket: Socket, owner: WriteOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#copies = (socket as TLSSocket).encrypted === true;
    this.#holds = socket.connecting ? 1 : 0;
  }

  /** False when the queue is above the high mark. */
  write(chunk: string | Uint8Array): boolean {
    if (this.#inFlight || this.#holds > 0) return this.#keep(chunk);
    const handle = handleOf(this.#socket);
    if (handle === undefined) return true;
    const request = (spare ??= spareRequest());
    const bytes = typeof chunk !== 'string';
    const status = bytes ? handle.writeBuffer(request, chunk) : handle.writeLatin1String(request, chunk);
    const pending = lastWriteIsPending();
    if (bytes && status === 0 && (!pending || this.#copies)) consumeBytes(chunk);
    if (status === 0 && !pending) return true;
    return this.#settle(request, status, chunk, chunk.length);
  }

  writeDraft(draft: Draft): boolean {
    if (this.#inFlight || this.#holds > 0) return this.#keep(Buffer.from(draft.view()));
    const handle = handleOf(this.#socket);
    if (handle === undefined) return true;
    const request = (spare ??= spareRequest());
    const view = draft.view();
    const status = handle.writeBuffer(request, view);
    const pending = lastWriteIsPending();
    if (status === 0 && !pending) return true;
    if (pending && !this.#copies) draft.giveAway();
    return this.#settle(request, status, view, view.length);
  }

  /** Over TLS nothing but a write can fail from now on. */
  peerEnded(): void {
    if (!this.#copies) return;
    this.#peerEnded = true;
    if (this.#inFlight) this.#lookForLost();
  }

  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (this.#holds === 0 || --this.#holds > 0 || this.#inFlight) return;
    const told = this.#full;
    if (!told) return this.#flush();
    // Whoever was told to stop while this was held has not stopped yet: "go on" must not come before it has.
    this.#full = false;
    this.#flush();
    if (this.#inFlight) this.#full = true;
    else queueMicrotask(() => this.#tellRoom());
  }

  #tellRoom(): void {
    if (this.#socket.destroyed) return;
    // More was written since, and is not taken yet: they are told when it is.
    if (this.bytes > 0) this.#full = true;
    else this.#owner.onWritten(true);
  }

  #keep(chunk: string | Uint8Array): boolean {
    this.#chunks.push(chunk);
    if (typeof chunk === 'string') this.#texts++;
    this.#chunkBytes += chunk.length;
    this.bytes += chunk.length;
    if (this.bytes < HIGH_BYTES) return true;
    this.#full = true;
    return false;
  }

  #flush(): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    const bytes = this.#chunkBytes;
    const texts = this.#texts;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#texts = 0;
    this.bytes -= bytes;
    const handle = handleOf(this.#socket);
    if (handle === undefined) return;
    const request = (spare ??= spareRequest());
    const status = writeAll(handle, request, chunks, texts);
    const pending = lastWriteIsPending();
    if (status === 0 && (!pending || this.#copies))
      for (const chunk of chunks) if (typeof chunk !== 'string') consumeBytes(chunk);
    if (status !== 0 || pending) this.#settle(request, status, chunks, bytes);
    else this.#done();
  }

  #settle(request: WriteRequest, status: number, held: unknown, bytes: number): boolean {
    const failure = status === 0 ? failedAtOnce : status;
    failedAtOnce = 0;
    if (status === 0) spare = undefined;
    if (failure !== 0) {
      this.#owner.onWriteError(failure);
      return true;
    }
    request.oncomplete = onComplete;
    request.held = held;
    request.owner = this;
    this.#inFlight = true;
    this.#inFlightBytes = bytes;
    this.bytes += bytes;
    if (this.#peerEnded) this.#lookForLost();
    if (this.bytes < HIGH_BYTES) return true;
    this.#full = true;
    return false;
  }

  #inFlightBytes = 0;
  /** How many writes that waited are over. */
  #overs = 0;

  /**
   * Node forgets that a write of its own failed (TLS 1.3's tickets, to a peer that has gone) and lets all that follow wait for it for
   * ever: one that waits although the kernel has taken what it was given, and is given no more, is never over.
   */
  #lookForLost(): void {
    const overs = this.#overs;
    const taken = takenBeneath(this.#socket);
    // The next piece of a large one is given in the next round.
    setImmediate(() => setImmediate(() => this.#lookAgain(overs, taken)));
  }

  #lookAgain(overs: number, taken: number | undefined): void {
    if (!this.#inFlight || this.#overs !== overs || this.#socket.destroyed) return;
    const now = takenBeneath(this.#socket);
    if (now === undefined) return;
    if (now === taken) this.#owner.onWriteError(-constants.errno.EPIPE);
    else this.#lookForLost();
  }

  completed(status: number): void {
    this.#inFlight = false;
    this.#overs++;
    this.bytes -= this.#inFlightBytes;
    this.#inFlightBytes = 0;
    if (this.#socket.destroyed) return;
    if (status < 0) this.#owner.onWriteError(status);
    else if (this.#holds > 0) return;
    else if (this.#chunks.length > 0) this.#flush();
    else this.#done();
  }

  #done(): void {
    const drained = this.#full;
    this.#full = false;
    this.#owner.onWritten(drained);
  }
}

function writeAll(
  handle: StreamHandle,
  request: WriteRequest,
  chunks: readonly (string | Uint8Array)[],
  texts: number,
): number {
  const only = chunks.length === 1 ? chunks[0] : undefined;
  if (only !== undefined)
    return typeof only === 'string' ? handle.writeLatin1String(request, only) : handle.writeBuffer(request, only);
  if (texts === 0) return handle.writev(request, chunks as unknown[], true);
  if (texts === chunks.length) return handle.writeLatin1String(request, chunks.join(''));
  const pairs: unknown[] = [];
  for (const chunk of chunks) pairs.push(chunk, typeof chunk === 'string' ? 'latin1' : 'buffer');
  return handle.writev(request, pairs, false);
}

function spareRequest(): WriteRequest {
  const request = newWriteRequest();
  request.oncomplete = onFailedAtOnce;
  return request;
}

/** Who waits for the request is not known yet. */
function onFailedAtOnce(status: number): void {
  failedAtOnce = status;
}

function onComplete(this: WriteRequest, status: number): void {
  const queue = this.owner as WriteQueue;
  this.held = undefined;
  queue.completed(status);
}
