// The gRPC project's interop cases through two proxies with mutual TLS between them: grpc-js and Python's grpcio, each
// as client and as server.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { CASES } from '../../interop/cases.ts';
import { startService } from '../../interop/service.ts';
import { OVER_H2 } from '../../proxy-life/config.ts';
import { downstreamTls, secretsOf, upstreamTls } from './mtls-fixture.ts';
import { cluster, listener, managerFilter, runProxy } from './proxy-fixture.ts';

const folder = join(import.meta.dirname, '../../interop');
const withPython = spawnSync('python3', ['-c', 'import grpc']).status === 0;
const noPython = withPython
  ? false
  : process.env['CI'] === 'true'
    ? assert.fail("Python has no grpcio: 'python3 -m pip install grpcio'")
    : "Python has no grpcio: 'python3 -m pip install grpcio'";

interface Service {
  readonly port: number;
  close(): void;
}

async function startPython(): Promise<Service> {
  const child = spawn('python3', [join(folder, 'server.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { port: Number(line), close: () => void child.kill() };
}

/** client -> proxy -> (mutual TLS) -> proxy -> service; gives the first proxy's port. */
async function through(service: Service): Promise<Service> {
  const route = (to: string): object =>
    managerFilter([
      {
        match: { prefix: '/' },
        route: { cluster: to, timeout: '0s', max_stream_duration: { grpc_timeout_header_max: '0s' } },
      },
    ]);
  const server = await runProxy(
    [listener('in', [{ filters: [route('service')], transport_socket: downstreamTls(['h2']) }])],
    [cluster('service', [service.port], OVER_H2)],
    secretsOf('spiffe://cluster.local/ns/default/sa/b'),
  );
  const client = await runProxy(
    [listener('out', [{ filters: [route('b')] }])],
    [
      cluster('b', [server.port('in')], {
        ...OVER_H2,
        transport_socket: upstreamTls('spiffe://cluster.local/ns/default/sa/b', ['h2']),
      }),
    ],
    secretsOf('spiffe://cluster.local/ns/default/sa/a'),
  );
  return { port: client.port('out'), close: () => (client.close(), server.close(), service.close()) };
}

async function byGrpcJs(port: number): Promise<void> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const problems: string[] = [];
  for (const [name, run] of Object.entries(CASES)) {
    try {
      await run(client);
    } catch (error) {
      problems.push(`${name}: ${(error as Error).stack}`);
    }
  }
  client.close();
  assert.deepEqual(problems, []);
}

async function byPython(port: number): Promise<void> {
  const child = spawn('python3', [join(folder, 'client.py'), `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seen = new Map<string, string>();
  for await (const line of createInterface(child.stdout)) {
    const { case: name, problem } = JSON.parse(line) as { readonly case: string; readonly problem: string };
    seen.set(name, problem);
  }
  assert.deepEqual([...seen.keys()], Object.keys(CASES));
  assert.deepEqual(
    [...seen].filter(([, problem]) => problem !== ''),
    [],
  );
}

test('grpc-js to grpc-js', async (t) => {
  const { port, close } = await through(await startService());
  t.after(close);
  await byGrpcJs(port);
});

test('grpc-js to grpcio', { skip: noPython }, async (t) => {
  const { port, close } = await through(await startPython());
  t.after(close);
  await byGrpcJs(port);
});

test('grpcio to grpc-js', { skip: noPython }, async (t) => {
  const { port, close } = await through(await startService());
  t.after(close);
  await byPython(port);
});

test('grpcio to grpcio', { skip: noPython }, async (t) => {
  const { port, close } = await through(await startPython());
  t.after(close);
  await byPython(port);
});
