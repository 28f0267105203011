// Listening sockets from one process to the one that takes its place, over a Unix socket: the new one listens before
// the old one stops, on the same sockets, so that no connection is refused and none in a queue is lost.
//
//   new: sockets?   old: N, then N times (new: next, old: PLACE + handle)
//   new: serving    old: frees what only one can have, then: leaving
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { HandlePipe } from './handle-pipe.ts';
import type { ServerHandle } from './listening-sockets.ts';

/** What the other process may take for one answer. */
const ANSWER_MS = 10_000;

export type PlacedHandle = readonly [place: string, handle: ServerHandle];

/** The process whose place we take. */
export interface Predecessor {
  readonly sockets: readonly PlacedHandle[];
  /** We listen: it drains. Resolves when it has given up what only one can have. */
  serving(): Promise<void>;
  /** We can't: it goes on. */
  abandon(): void;
}

/** Undefined when there is no process to take over from. Throws an Error when it breaks off. */
export async function takeOver(path: string): Promise<Predecessor | undefined> {
  const socket = await connectTo(path);
  if (socket === undefined) return undefined;
  const talk = new Talk(socket);
  const count = Number((await talk.ask('sockets?')).line);
  const sockets: PlacedHandle[] = [];
  for (let i = 0; i < count; i++) {
    const { line, handle } = await talk.ask('next');
    if (handle === undefined) throw new Error(`hand-over: ${path} sent no socket for ${line}`);
    sockets.push([line, handle]);
  }
  return {
    sockets,
    serving: async () => {
      await talk.ask('serving');
      talk.close();
    },
    abandon: () => talk.close(),
  };
}

export interface HandOverOptions {
  readonly path: string;
  readonly sockets: () => Promise<readonly PlacedHandle[]>;
  /** The successor listens: give up what only one can have, then drain and end. The promise is for the first part. */
  readonly leave: () => Promise<void>;
  readonly failed: (reason: string) => void;
}

/** Waits for a successor. One at a time. */
export async function serveHandOver(options: HandOverOptions): Promise<{ close(): void }> {
  let present: HandlePipe | undefined;
  const server = createServer((socket) => {
    if (present !== undefined) return void socket.destroy();
    try {
      present = answer(socket, options, () => (present = undefined));
    } catch (error) {
      options.failed((error as Error).message);
    }
  });
  await rm(options.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: options.path }, resolve);
  });
  await chmod(options.path, 0o600);
  server.on('error', () => {});
  return { close: () => void server.close() };
}

function answer(socket: Socket, options: HandOverOptions, over: () => void): HandlePipe {
  let left: readonly PlacedHandle[] = [];
  const pipe = new HandlePipe(socket, {
    onLine: (line) => void take(line).catch((error: unknown) => options.failed((error as Error).message)),
    onEnd: over,
  });
  const take = async (line: string): Promise<void> => {
    if (line === 'sockets?') {
      left = await options.sockets();
      pipe.send(String(left.length));
    } else if (line === 'next' && left[0] !== undefined) {
      const [place, handle] = left[0];
      left = left.slice(1);
      pipe.send(place, handle);
    } else if (line === 'serving') {
      await options.leave();
      pipe.send('leaving');
    } else pipe.close();
  };
  return pipe;
}

/** Asks, and waits for one line. */
class Talk {
  readonly #pipe: HandlePipe;
  #waiting: PromiseWithResolvers<{ readonly line: string; readonly handle: ServerHandle | undefined }> | undefined;

  constructor(socket: Socket) {
    this.#pipe = new HandlePipe(socket, {
      onLine: (line, handle) => this.#waiting?.resolve({ line, handle }),
      onEnd: () => this.#waiting?.reject(new Error('hand-over: the other process ended')),
    });
  }

  async ask(line: string): Promise<{ readonly line: string; readonly handle: ServerHandle | undefined }> {
    const waiting = Promise.withResolvers<{ readonly line: string; readonly handle: ServerHandle | undefined }>();
    this.#waiting = waiting;
    const late = setTimeout(
      () => waiting.reject(new Error(`hand-over: no answer to "${line}" within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    this.#pipe.send(line);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#pipe.close();
  }
}

function connectTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Nobody is there, or somebody who ended without tidying up.
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
  });
}
