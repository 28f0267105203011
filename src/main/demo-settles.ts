// Waits until every workload of the demo is healthy and every proxy is in sync: the demo's own first request is then no failure.
import { readFileSync } from 'node:fs';
import type { RunJson, StatusJson } from '#api';
import { callHttp } from '#io';
import type { Home } from './home.ts';

const LOOK_MS = 50;

/** False: not within `limitMs`. */
export async function demoSettles(home: Home, limitMs: number): Promise<boolean> {
  const run = JSON.parse(readFileSync(home.runJson, 'utf8')) as RunJson;
  const { hostname, port } = new URL(run.address);
  const target = { host: hostname, port: Number(port) };
  for (const end = Date.now() + limitMs; Date.now() < end; ) {
    const answer = await callHttp({ target, method: 'GET', path: '/api/v1/status', timeoutMs: 2000 });
    if (answer?.status === 200 && isSettled(JSON.parse(answer.body) as StatusJson)) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

function isSettled({ workloads, proxies }: StatusJson): boolean {
  return (
    workloads.every(({ health, connected }) => health === 'healthy' && connected) &&
    proxies.every(({ types }) => Object.values(types).every((state) => state === 'SYNCED'))
  );
}
