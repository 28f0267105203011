// The part of WASI preview 1 that plugins' runtimes call: environment, clocks, randomness, output to the log. Files there are none.

import type { Clock, Logger, Random } from '#base';
import { BadPointer, type GuestMemory } from './guest-memory.ts';
import { WASM_LIMITS } from './limits.ts';

export interface WasiParts {
  readonly memory: () => GuestMemory;
  readonly environment: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly mayLog: () => boolean;
}

/** The guest ended itself. */
export class GuestExit extends Error {
  constructor(code: number) {
    super(`the plugin ended itself with code ${code}`);
    this.name = 'GuestExit';
  }
}

const OK = 0;
const BAD_FILE = 8;
const FAULT = 21;
const INVALID = 28;
const NO_SYSTEM = 52;

const UNAVAILABLE = `fd_advise fd_allocate fd_datasync fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get
fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_dir_name fd_pwrite fd_readdir fd_renumber fd_sync fd_tell
path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink path_remove_directory
path_rename path_symlink path_unlink_file poll_oneoff proc_raise sock_accept sock_recv sock_send sock_shutdown`.split(
  /\s+/,
);

type Host = (...args: never[]) => number;

export function wasiFunctions({
  memory,
  environment,
  clock,
  random,
  log,
  mayLog,
}: WasiParts): ReadonlyMap<string, Host> {
  const variables = [...environment].map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  const told = (texts: readonly Buffer[], pointers: number, bytes: number): number => {
    let at = bytes;
    for (const [i, text] of texts.entries()) {
      memory().setU32(pointers + 4 * i, at);
      memory().write(at, text);
      at += text.length;
    }
    return OK;
  };
  const sizes = (texts: readonly Buffer[], count: number, bytes: number): number => {
    memory().setU32(count, texts.length);
    memory().setU32(
      bytes,
      texts.reduce((sum, text) => sum + text.length, 0),
    );
    return OK;
  };
  const write = (file: number, vectors: number, count: number, written: number): number => {
    if (file !== 1 && file !== 2) return BAD_FILE;
    let line = '';
    let bytes = 0;
    if (count >>> 0 > WASM_LIMITS.writePiecesMax) return INVALID;
    for (let i = 0; i < count >>> 0; i++) {
      const size = memory().u32(vectors + 8 * i + 4);
      const room = WASM_LIMITS.logLineBytesMax - line.length;
      if (room > 0) line += memory().utf8(memory().u32(vectors + 8 * i), Math.min(size, room));
      bytes += size;
    }
    memory().setU32(written, bytes);
    const text = line.slice(0, WASM_LIMITS.logLineBytesMax).trimEnd();
    if (text !== '' && mayLog()) log[file === 1 ? 'info' : 'error'](text);
    return OK;
  };
  const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;
  const found = new Map<string, Host>([
    ['args_sizes_get', (count: number, bytes: number) => sizes([], count, bytes)],
    ['args_get', () => OK],
    ['environ_sizes_get', (count: number, bytes: number) => sizes(variables, count, bytes)],
    ['environ_get', (pointers: number, bytes: number) => told(variables, pointers, bytes)],
    [
      'clock_time_get',
      (id: number, _: bigint, out: number) => {
        if (id > 1) return INVALID;
        memory().setU64(out, nanos(id === 0 ? clock.wallTime() : clock.now()));
        return OK;
      },
    ],
    [
      'clock_res_get',
      (_: number, out: number) => {
        memory().setU64(out, 1000n);
        return OK;
      },
    ],
    [
      'random_get',
      (pointer: number, size: number) => {
        if (size >>> 0 > WASM_LIMITS.randomBytesMax) return INVALID;
        const bytes = memory().bytes(pointer, size);
        for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32() & 0xff;
        return OK;
      },
    ],
    ['fd_write', write],
    ['fd_read', () => BAD_FILE],
    ['fd_close', () => BAD_FILE],
    ['fd_seek', () => BAD_FILE],
    ['fd_prestat_get', () => BAD_FILE],
    [
      'fd_fdstat_get',
      (file: number, out: number) => {
        if (file > 2) return BAD_FILE;
        const state = Buffer.alloc(24);
        state[0] = 2; // a character device
        memory().write(out, state);
        return OK;
      },
    ],
    ['sched_yield', () => OK],
    [
      'proc_exit',
      (code: number) => {
        throw new GuestExit(code);
      },
    ],
  ] as readonly (readonly [string, Host])[]);
  for (const name of UNAVAILABLE) found.set(name, () => NO_SYSTEM);
  return new Map([...found].map(([name, host]) => [name, answeringFaults(host)]));
}

/** A bad pointer is the guest's fault, and it is told. */
function answeringFaults(host: Host): Host {
  return (...args) => {
    try {
      return host(...args);
    } catch (error) {
      if (error instanceof BadPointer) return FAULT;
      throw error;
    }
  };
}
