// Backends behind their proxies, rolled over and scaled under load: no request may fail (pains 1, 4).
//
//   node test/proxy-life/rollout.ts [--restarts 20] [--scale 10] [--per-second 1000] [--unordered] [--at-least 1000000]
//     [--tcp-every 50] [--ledger FILE] [--minutes 600] [--trace FOLDER]
//
// After the restarts and the scaling one backend after another is replaced until so many requests were sent. What was
// done stands in the ledger every few seconds, and the next run goes on from there. With `--trace` both proxies of every
// TCP connection write down how it went.
// A backend leaves as in a cluster: clients are told, its proxy gets SIGTERM, the pod ends when the proxy has. With
// `--unordered` the clients hear of it only some hundred milliseconds after the proxy did.
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { silentLogger, TYPE_URL } from '#base';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { type ProxyHandle, startProxy } from '../../src/main/proxy.ts';
import { readBootstrap } from '../../src/main/read-bootstrap.ts';
import { cluster, httpListener, OVER_H2, tcpListener } from './config.ts';
import { freePort } from '../mesh/test-ports.ts';
import { ProxyProcess } from './proxy-process.ts';
import type { LoadEnd, LoadOrder, RolloutPorts } from './rollout-load.ts';
import { programOptions } from '../../tools/program-options.ts';

export interface RolloutAsk {
  /** Of each of the three backends. */
  readonly restarts: number;
  /** Up to so many backends, and down to two. */
  readonly scale: number;
  readonly perSecond: number;
  /** Clients learn late that a backend leaves. */
  readonly unordered: boolean;
  /** Load goes on until so many requests were sent. */
  readonly atLeast: number;
  /** One request in so many is a TCP connection of up to a second. */
  readonly tcpEvery?: number;
  /** What was done before; told again after every step. */
  readonly done?: RolloutState;
  readonly tell?: (state: RolloutState) => void;
  /** Stops after the step that is under way then. */
  readonly minutes?: number;
  /** For logs of TCP connections. */
  readonly trace?: string | undefined;
}

export interface RolloutState extends LoadEnd {
  /** Backends, one after another. */
  readonly replaced: number;
  readonly scaled: boolean;
  readonly seconds: number;
}

const NOTHING: RolloutState = { sent: {}, failures: {}, replaced: 0, scaled: false, seconds: 0 };

/** What our control plane gives every route (design 10). */
const RETRY = {
  retry_on: 'connect-failure,refused-stream,reset-before-request,idempotent-reset',
  num_retries: 3,
  retry_host_predicate: [
    {
      name: 'p',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: 5,
};

/** As long as a backend waits for what is open. */
const DRAIN_S = 60;

const TCP_LOG =
  '%START_TIME% client %DOWNSTREAM_REMOTE_ADDRESS% to %UPSTREAM_HOST% from %UPSTREAM_LOCAL_ADDRESS% took %BYTES_RECEIVED% gave %BYTES_SENT% in %DURATION% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n';

function tracing(folder: string | undefined, name: string): object {
  if (folder === undefined) return {};
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: join(folder, `${name}.log`),
    log_format: { text_format_source: { inline_string: TCP_LOG } },
  };
  return { access_log: [{ name: 'file', typed_config }] };
}

interface Backend {
  readonly proxy: ProxyProcess;
  readonly ports: RolloutPorts;
}

class Fleet {
  readonly backends: Backend[] = [];
  readonly #apps: RolloutPorts;
  #client: ProxyHandle | undefined;
  #registry: Awaited<ReturnType<typeof loadTypes>> | undefined;
  #version = 0;
  readonly #unordered: boolean;
  readonly #trace: string | undefined;

  constructor(apps: RolloutPorts, unordered: boolean, trace: string | undefined) {
    this.#apps = apps;
    this.#unordered = unordered;
    this.#trace = trace;
  }

  async startClient(): Promise<RolloutPorts> {
    this.#registry = await loadTypes();
    const ports = { h1: await freePort(), h2: await freePort(), tcp: await freePort() };
    const route = (to: string): object[] => [
      { match: { prefix: '/' }, route: { cluster: to, timeout: '0s', retry_policy: RETRY } },
    ];
    this.#client = await startProxy({
      bootstrap: await readBootstrap(
        JSON.stringify({
          static_resources: {
            listeners: [
              httpListener('h1', ports.h1, route('h1')),
              httpListener('h2', ports.h2, route('h2')),
              tcpListener('tcp', ports.tcp, 'tcp', tracing(this.#trace, 'client')),
            ],
            clusters: this.#clusters(),
          },
        }),
      ),
      clock: new SystemClock(),
      random: new SystemRandom(),
      net: new SystemNet(),
      log: silentLogger,
      secrets: { subscribe: () => () => {} },
    });
    return ports;
  }

  async grow(): Promise<void> {
    const ports = { h1: await freePort(), h2: await freePort(), tcp: await freePort() };
    const route = (to: string): object[] => [{ match: { prefix: '/' }, route: { cluster: to, timeout: '0s' } }];
    const proxy = await ProxyProcess.start(
      {
        listeners: [
          httpListener('h1', ports.h1, route('app')),
          httpListener('h2', ports.h2, route('app2')),
          tcpListener('tcp', ports.tcp, 'echo', tracing(this.#trace, `backend-${ports.tcp}`)),
        ],
        clusters: [
          cluster('app', [this.#apps.h1]),
          cluster('app2', [this.#apps.h2], OVER_H2),
          cluster('echo', [this.#apps.tcp]),
        ],
      },
      ['--drain-time-s', String(DRAIN_S)],
    );
    this.backends.push({ proxy, ports });
    this.#tellClient();
  }

  /** The oldest goes. */
  async shrink(): Promise<void> {
    const leaver = this.backends.shift() as Backend;
    if (!this.#unordered) this.#tellClient();
    const gone = leaver.proxy.end();
    if (this.#unordered) {
      await sleep(300);
      this.#tellClient();
    }
    await gone;
  }

  async close(): Promise<void> {
    this.#client?.close();
    await Promise.all(this.backends.map(({ proxy }) => proxy.end('SIGKILL')));
  }

  #clusters(): object[] {
    const of = (key: keyof RolloutPorts): number[] => this.backends.map(({ ports }) => ports[key]);
    return [cluster('h1', of('h1')), cluster('h2', of('h2'), OVER_H2), cluster('tcp', of('tcp'))];
  }

  #tellClient(): void {
    if (this.#client === undefined || this.#registry === undefined) return;
    for (const json of this.#clusters()) {
      const message = fromJson(ClusterSchema, JSON.parse(JSON.stringify(json)), { registry: this.#registry });
      const resource = {
        name: message.name,
        bytes: toBinary(ClusterSchema, message),
        version: String(++this.#version),
      };
      const rejects = this.#client.proxy.applyResources(TYPE_URL.cluster, [resource], []);
      if (rejects.length > 0) throw new Error(JSON.stringify(rejects));
    }
  }
}

/** Between the replacements of a load that goes on. */
const BETWEEN_MS = 5_000;

/** Every kind of load was there by then, also where the machine is fast. */
export const SENT_LEAST = 200;

export async function sentBy(worker: Worker): Promise<LoadEnd> {
  const answer = once(worker, 'message') as Promise<[LoadEnd]>;
  worker.postMessage('count');
  return (await answer)[0];
}

export function total({ sent }: Pick<LoadEnd, 'sent'>): number {
  return Object.values(sent).reduce((sum, of) => sum + of, 0);
}

function added(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...a };
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}

/** The next thing to do, if anything is left. */
function nextStep(
  ask: RolloutAsk,
  fleet: Fleet,
  state: RolloutState,
): (() => Promise<Partial<RolloutState>>) | undefined {
  const replace = async (): Promise<Partial<RolloutState>> => {
    await fleet.grow();
    await fleet.shrink();
    return { replaced: state.replaced + 1 };
  };
  if (state.replaced < ask.restarts * 3) return replace;
  if (!state.scaled)
    return async () => {
      while (fleet.backends.length < ask.scale) await fleet.grow();
      while (fleet.backends.length > 2) await fleet.shrink();
      while (fleet.backends.length < ask.scale) await fleet.grow();
      return { scaled: true };
    };
  if (total(state) >= ask.atLeast) return undefined;
  return async () => {
    await sleep(BETWEEN_MS);
    return await replace();
  };
}

export async function rollout(ask: RolloutAsk): Promise<RolloutState> {
  const worker = new Worker(new URL('./rollout-load.ts', import.meta.url));
  const [apps] = (await once(worker, 'message')) as [RolloutPorts];
  const fleet = new Fleet(apps, ask.unordered, ask.trace);
  const before = ask.done ?? NOTHING;
  const began = performance.now();
  let state = before;
  const take = (load: LoadEnd, step: Partial<RolloutState>): void => {
    state = {
      ...state,
      ...step,
      sent: added(before.sent, load.sent),
      failures: added(before.failures, load.failures),
      seconds: before.seconds + Math.round((performance.now() - began) / 1000),
    };
    ask.tell?.(state);
  };
  try {
    for (let i = 0; i < 3; i++) await fleet.grow();
    const ports = await fleet.startClient();
    const { perSecond, tcpEvery = 50 } = ask;
    worker.postMessage({ ports, perSecond, tcpEvery, graceMs: DRAIN_S * 1000 } satisfies LoadOrder);
    const until = began + (ask.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
    while (performance.now() < until) {
      const step = nextStep(ask, fleet, state);
      if (step === undefined) break;
      const done = await step();
      take(await sentBy(worker), done);
    }
    while (total(await sentBy(worker)) < SENT_LEAST) await sleep(50);
    worker.postMessage('stop');
    const [end] = (await once(worker, 'message')) as [LoadEnd];
    take(end, {});
    return state;
  } finally {
    await fleet.close();
    await worker.terminate();
  }
}

if (import.meta.main) {
  const { values } = programOptions(import.meta.filename, {
    options: {
      restarts: { type: 'string', default: '20' },
      scale: { type: 'string', default: '10' },
      'per-second': { type: 'string', default: '1000' },
      'at-least': { type: 'string', default: '1000000' },
      'tcp-every': { type: 'string', default: '50' },
      unordered: { type: 'boolean', default: false },
      ledger: { type: 'string', default: '' },
      minutes: { type: 'string', default: '600' },
      trace: { type: 'string' },
    },
  });
  const { ledger, trace } = values;
  if (trace !== undefined) mkdirSync(trace, { recursive: true });
  const known = ledger !== '' && existsSync(ledger);
  const end = await rollout({
    restarts: Number(values.restarts),
    scale: Number(values.scale),
    perSecond: Number(values['per-second']),
    atLeast: Number(values['at-least']),
    unordered: values.unordered,
    tcpEvery: Number(values['tcp-every']),
    minutes: Number(values.minutes),
    trace,
    ...(known ? { done: JSON.parse(readFileSync(ledger, 'utf8')) as RolloutState } : {}),
    tell: (state) => {
      if (ledger !== '') writeFileSync(ledger, JSON.stringify(state, undefined, 2));
    },
  });
  console.log(end, `${total(end)} requests`);
  process.exit(Object.keys(end.failures).length === 0 ? 0 : 1);
}
