// Lines of text over a Unix socket, each of which may bring a listening socket along (SCM_RIGHTS), through Node's own
// pipe for its children. One line is under way at a time: the kernel does not say which handle belongs to which of two.
//
// Node's handle is private: its shape is checked, and another one stops the program.
import type { Socket } from 'node:net';
import process from 'node:process';
import { duplicate, type ServerHandle } from './listening-sockets.ts';
import { handleOf, newWriteRequest, readResult, type WriteRequest } from './stream-handle.ts';

/** Longest line: a name and a few words. */
const LINE_MAX = 65_536;

interface IpcPipe {
  onread: (data?: ArrayBuffer) => void;
  pendingHandle: ServerHandle | undefined;
  open(fd: number): number;
  readStart(): number;
  writeUtf8String(request: WriteRequest, text: string, handle?: ServerHandle): number;
  close(): void;
}

export interface HandlePipeEvents {
  readonly onLine: (line: string, handle: ServerHandle | undefined) => void;
  /** The other side is gone, or broke the protocol. */
  readonly onEnd: () => void;
}

export class HandlePipe {
  readonly #pipe: IpcPipe;
  readonly #events: HandlePipeEvents;
  #text = '';
  #closed = false;

  /** Takes the connection over: `socket` is closed, its connection lives on here. */
  constructor(socket: Socket, events: HandlePipeEvents) {
    this.#events = events;
    const { Pipe, constants } = pipeBinding();
    this.#pipe = new Pipe(constants.IPC);
    const fd = (handleOf(socket) as unknown as { readonly fd: number } | undefined)?.fd;
    if (fd === undefined || this.#pipe.open(duplicate(fd)) !== 0)
      throw new Error('hand-over: the connection is closed');
    socket.destroy();
    this.#pipe.onread = (data) => this.#read(data);
    this.#pipe.readStart();
  }

  send(line: string, handle?: ServerHandle): void {
    if (this.#closed) return;
    const request = newWriteRequest();
    request.oncomplete = () => {};
    request.held = handle;
    if (this.#pipe.writeUtf8String(request, `${line}\n`, handle) !== 0) this.#end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipe.close();
  }

  #read(data: ArrayBuffer | undefined): void {
    const handle = this.#pipe.pendingHandle;
    this.#pipe.pendingHandle = undefined;
    if (data === undefined || readResult() < 0) return this.#end();
    this.#text += Buffer.from(data).toString('utf8');
    if (this.#text.length > LINE_MAX) return this.#end();
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const [i, line] of lines.entries()) this.#events.onLine(line, i === 0 ? handle : undefined);
  }

  #end(): void {
    if (this.#closed) return;
    this.close();
    this.#events.onEnd();
  }
}

function pipeBinding(): { readonly Pipe: new (type: number) => IpcPipe; readonly constants: { readonly IPC: number } } {
  const found = (
    process as unknown as { binding?: (name: string) => Partial<ReturnType<typeof pipeBinding>> }
  ).binding?.('pipe_wrap');
  if (typeof found?.Pipe !== 'function' || typeof found.constants?.IPC !== 'number')
    throw new Error(`Sockets: this Node (${process.version}) has no longer pipe_wrap.Pipe; use the pinned Node`);
  return found as ReturnType<typeof pipeBinding>;
}
