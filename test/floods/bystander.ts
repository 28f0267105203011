// A thread beside the floods: a client that goes on asking while another one attacks, and the application that answers it.
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { startApp } from './app.ts';

export interface Latency {
  readonly requests: number;
  readonly failures: number;
  readonly p50: number;
  readonly p99: number;
}

// Each socket is in use all the time: one that rests might meet the proxy's idle time-out.
const agent = new Agent({ keepAlive: true, maxSockets: 2, scheduling: 'fifo' });

/** Two under way and two behind them: a queue of its own would tell of the machine, not of the proxy. */
const WAITING_MAX = 4;

function ask(port: number): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    get({ host: '127.0.0.1', port, path: '/small', agent, timeout: 120_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200 ? performance.now() - began : -1));
      response.once('error', () => resolve(-1));
    })
      .once('error', () => resolve(-1))
      .once('timeout', function (this: { destroy(): void }) {
        this.destroy();
      });
  });
}

let running: Promise<Latency> | undefined;
let stop = false;

async function load(port: number): Promise<Latency> {
  const times: number[] = [];
  let failures = 0;
  const pending = new Set<Promise<void>>();
  while (!stop) {
    if (pending.size >= WAITING_MAX) {
      await sleep(5);
      continue;
    }
    const one = ask(port).then((ms) => {
      if (ms < 0) failures++;
      else times.push(ms);
      pending.delete(one);
    });
    pending.add(one);
    await sleep(5);
  }
  await Promise.all(pending);
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { requests: times.length + failures, failures, p50: at(0.5), p99: at(0.99) };
}

parentPort?.on('message', (order: { readonly start?: number; readonly stop?: true }) => {
  if (order.start !== undefined) {
    stop = false;
    running = load(order.start);
  } else {
    stop = true;
    void running?.then((latency) => parentPort?.postMessage(latency));
  }
});

parentPort?.postMessage(await startApp());
