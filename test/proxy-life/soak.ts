// Mixed load whose clients and applications break off at every stage: afterwards the proxy must hold nothing (issue 4, point 7).
//
//   node test/proxy-life/soak.ts [--minutes 10] [--seed N]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { cluster, httpListener, OVER_H2, tcpListener } from './config.ts';
import { freePort } from '../mesh/test-ports.ts';
import type { SoakPorts, SoakSent } from './soak-load.ts';
import type { Held } from './soak-proxy.ts';
import { programOptions } from '../../tools/program-options.ts';

export interface SoakEnd {
  readonly sent: SoakSent;
  /** After a first load, so that code and caches are there. */
  readonly before: Held;
  readonly after: Held;
  /** Living heap after each round of the load. */
  readonly heaps: readonly number[];
}

export async function soak(ask: {
  readonly seconds: number;
  readonly rounds: number;
  readonly seed: number;
}): Promise<SoakEnd> {
  const worker = new Worker(new URL('./soak-load.ts', import.meta.url));
  const [apps] = (await once(worker, 'message')) as [SoakPorts];
  const ports = { h1: await freePort(), h2: await freePort(), tcp: await freePort() };
  const child = fork(join(import.meta.dirname, 'soak-proxy.ts'), { execArgv: ['--expose-gc'] });
  const exited = once(child, 'exit');
  const hold = async (): Promise<Held> => {
    const answer = once(child, 'message') as Promise<[Held]>;
    child.send('hold');
    return (await answer)[0];
  };
  const load = async (seconds: number, seed: number): Promise<SoakSent> => {
    const end = once(worker, 'message') as Promise<[SoakSent]>;
    worker.postMessage({ ports, seconds, seed });
    return (await end)[0];
  };
  try {
    child.send(resources(ports, apps));
    await once(child, 'message');
    await load(Math.min(5, ask.seconds), ask.seed);
    const before = await settled(hold, undefined);
    const heaps: number[] = [];
    const sent = { started: 0, whole: 0, wholeAnswered: 0 };
    let after = before;
    for (let round = 0; round < ask.rounds; round++) {
      const part = await load(ask.seconds / ask.rounds, ask.seed + 1 + round);
      sent.started += part.started;
      sent.whole += part.whole;
      sent.wholeAnswered += part.wholeAnswered;
      after = await settled(hold, before);
      heaps.push(after.heap);
    }
    return { sent, before, after, heaps };
  } finally {
    child.disconnect();
    await Promise.race([exited, sleep(5000)]);
    child.kill('SIGKILL');
    await worker.terminate();
  }
}

/** Waits until nothing is held any more, or for so long that it never will. */
async function settled(hold: () => Promise<Held>, before: Held | undefined): Promise<Held> {
  let held = await hold();
  for (let i = 0; i < 480; i++) {
    const over =
      Object.keys(held.gauges).length === 0 &&
      held.timers <= (before?.timers ?? 0) &&
      held.handles <= (before?.handles ?? held.handles);
    if (over) break;
    await sleep(250);
    held = await hold();
  }
  return held;
}

function resources(ports: SoakPorts, apps: SoakPorts): object {
  const limits = {
    stream_idle_timeout: '30s',
    delayed_close_timeout: '0.5s',
    common_http_protocol_options: { idle_timeout: '5s' },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  };
  const idle = (h2: boolean): object => ({
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        ...OVER_H2.typed_extension_protocol_options['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'],
        explicit_http_config: h2 ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        common_http_protocol_options: { idle_timeout: '1s' },
      },
    },
  });
  const route = (to: string): object[] => [{ match: { prefix: '/' }, route: { cluster: to, timeout: '60s' } }];
  return {
    listeners: [
      httpListener('h1', ports.h1, route('app'), limits),
      httpListener('h2', ports.h2, route('app2'), limits),
      tcpListener('tcp', ports.tcp, 'echo', { idle_timeout: '3s' }),
    ],
    clusters: [
      cluster('app', [apps.h1], idle(false)),
      cluster('app2', [apps.h2], idle(true)),
      cluster('echo', [apps.tcp]),
    ],
  };
}

if (import.meta.main) {
  const { values } = programOptions(import.meta.filename, {
    options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
  });
  const seconds = Number(values.minutes) * 60;
  const end = await soak({ seconds, rounds: Math.max(3, Math.round(seconds / 60)), seed: Number(values.seed) });
  console.log(
    JSON.stringify({ ...end, heaps: end.heaps.map((bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`) }, undefined, 2),
  );
  const empty =
    Object.keys(end.after.gauges).length === 0 &&
    end.after.timers <= end.before.timers &&
    end.after.handles <= end.before.handles;
  process.exit(empty && end.sent.wholeAnswered === end.sent.whole ? 0 : 1);
}
