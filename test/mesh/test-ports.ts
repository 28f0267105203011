// Ports for tests: claimed in one folder of the machine, so that meshes which start at once never choose the same one.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { freePorts } from '../../src/main/free-ports.ts';

/** A mesh's own folder of claims is a link to it. */
export const PORT_CLAIMS = join(tmpdir(), `topsail-test-ports-${process.getuid?.() ?? 0}`);

/** Not from the range in which outgoing connections get theirs; held as long as this process lives. */
export async function testPorts(count: number): Promise<number[]> {
  mkdirSync(PORT_CLAIMS, { recursive: true, mode: 0o700 });
  return await freePorts(count, PORT_CLAIMS);
}

/** One of them, for a process that is told where to listen. */
export async function freePort(): Promise<number> {
  const [port] = await testPorts(1);
  return port as number;
}
