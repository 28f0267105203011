// Ports for the processes of one mesh. They lie below the range from which the kernel gives outgoing connections theirs,
// and each is claimed by a file of its own: workloads that start at once never choose the same one.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** Linux's outgoing connections begin at 32768; below 10000 lie the ports that people choose. */
const FIRST = 10_000;
const LAST = 32_000;
const MOST_TRIES = 2000;

/** `claims` is a folder of the mesh. A claim ends with the process that made it. */
export async function freePorts(count: number, claims: string): Promise<number[]> {
  mkdirSync(claims, { recursive: true, mode: 0o700 });
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > MOST_TRIES) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const claim = join(claims, String(port));
    if (!take(claim)) continue;
    if (await isFree(port)) ports.push(port);
    else rmSync(claim, { force: true });
  }
  return ports;
}

/** Ports that were chosen otherwise, so that no process of the mesh takes them; the result gives them back. */
export function claimPorts(ports: readonly number[], claims: string): () => void {
  mkdirSync(claims, { recursive: true, mode: 0o700 });
  const mine = ports.map((port) => join(claims, String(port)));
  // The second time where the first one cleared a claim of the dead.
  for (const claim of mine) if (!take(claim)) take(claim);
  return () => {
    for (const claim of mine) rmSync(claim, { force: true });
  };
}

function take(claim: string): boolean {
  try {
    const file = openSync(claim, 'wx', 0o600);
    writeSync(file, JSON.stringify(identify(process.pid) ?? { pid: process.pid, startTicks: 0 }));
    closeSync(file);
    return true;
  } catch {
    // Somebody has it. A claim of the dead is cleared for the next who asks; taking it here could meet another who does.
    if (!ownerLives(claim)) rmSync(claim, { force: true });
    return false;
  }
}

function ownerLives(claim: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(claim, 'utf8')) as ProcessIdentity);
  } catch {
    // Not written yet, or gone again.
    return true;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
