// The demo's five ports: Istio's own, or five in a row from --port-base; says which are taken and what is free.
import { createServer } from 'node:net';

export interface DemoPorts {
  readonly http: number;
  readonly https: number;
  readonly xds: number;
  readonly monitoring: number;
  readonly page: number;
}

const HOST = '127.0.0.1';
const FIRST_TRY = 18_080;
const TRIES = 50;
const STEP = 100;

export function demoPorts(base: number | undefined): DemoPorts {
  if (base === undefined) return { http: 8080, https: 8443, xds: 15012, monitoring: 15014, page: 20001 };
  return { http: base, https: base + 1, xds: base + 2, monitoring: base + 3, page: base + 4 };
}

export async function takenPorts(ports: DemoPorts): Promise<number[]> {
  const taken: number[] = [];
  for (const port of Object.values(ports) as number[]) if (!(await isFree(port))) taken.push(port);
  return taken;
}

/** A base from which all five are free. */
export async function freeBase(): Promise<number | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const base = FIRST_TRY + i * STEP;
    if ((await takenPorts(demoPorts(base))).length === 0) return base;
  }
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
