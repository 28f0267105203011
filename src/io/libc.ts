// The C library through koffi: the system calls that Node does not offer. Loaded at first use, since most processes need none.
import { createRequire } from 'node:module';

interface Libc {
  /** A function by its C prototype; of arrays that are marked `_Out_` and `_Inout_` the callee's bytes come back. */
  define<F extends (...args: never[]) => unknown = Call>(prototype: string): F;
  /** Of this thread's last call. */
  errno(): number;
}

type Call = (...args: readonly unknown[]) => number;

let loaded: Libc | undefined;

/** Linux with glibc; throws elsewhere. */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load('libc.so.6');
  loaded = {
    define: <F>(prototype: string) => library.func(prototype) as unknown as F,
    errno: () => koffi.errno(),
  };
  return loaded;
}
