// A block of loopback addresses is one workload's on the whole host, whichever mesh it belongs to: two meshes that shared
// one would hear each other's requests. A socket that nobody asks for holds the block as long as the process lives.
import { createServer } from 'node:net';
import { loopbackBlock, type WorkloadSpec } from '#agent';

/** The last address of a block; services take addresses by hash, and `HOLDER_PORT` is no service's. */
const HOLDER_HOST = '255.254';
const HOLDER_PORT = 15_999;
const ATTEMPTS = 32;

export async function claimBlock(spec: WorkloadSpec, taken: ReadonlySet<string>): Promise<string> {
  const tried = new Set(taken);
  for (let i = 0; i < ATTEMPTS; i++) {
    const block = loopbackBlock(spec, tried);
    if (await holdBlock(block)) return block;
    tried.add(block);
  }
  throw new Error(`no block of loopback addresses is free: ${ATTEMPTS} were tried, from 127.64 to 127.253`);
}

/** False where another process of this host has it. */
export function holdBlock(block: string): Promise<boolean> {
  return new Promise((resolve) => {
    const holder = createServer((socket) => socket.destroy());
    holder.once('error', () => resolve(false));
    holder.listen({ host: `${block}.${HOLDER_HOST}`, port: HOLDER_PORT, exclusive: true }, () => {
      holder.unref();
      resolve(true);
    });
  });
}
