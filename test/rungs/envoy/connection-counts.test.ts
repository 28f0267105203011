// What is counted of connections while they are open and when they end: TCP, tunnels, HTTP/1.1 and HTTP/2 through our proxy and a real Envoy, every counter and gauge of the cluster, the connection manager and the TCP proxy.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { connect as connectH2, createServer as createH2 } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { createServer as createTls } from 'node:tls';
import { END_HEADERS, END_STREAM, frame, RawH2, requestBlock, TYPE, u32 } from '../../floods/raw-h2.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { cluster, httpListener, OVER_H2, tcpListener } from '../../proxy-life/config.ts';
import { selfSigned } from '../sockets/self-signed.ts';
import { type Counts, growth, type Plane, PLANES, type PlaneBed, skipOf, startPlane } from './plane-bed.ts';

const WAIT_MS = 20_000;
const SENT = 1000;
/** Everybody answers twice what was said, or as much. */
const ANSWERED = 2 * SENT;
/** Heads, frames and what proxies add to them. */
const AROUND = 700;
const BYTES = /_bytes_total$/;
/** Bytes are looked at by themselves; buffers, TLS's parameters, and by whom a request came (`external`), are Envoy's alone. */
const NOT_COMPARED = /_bytes_(total|buffered)$|\.external\.|\.http2\.|\.ssl\.(?!handshake)/;

interface Ports {
  readonly bytes: number;
  readonly secure: number;
  readonly dead: number;
  readonly none: number;
  readonly web: number;
  readonly tunnel: number;
}

const echo = (socket: Socket): void => {
  socket.on('error', () => {});
  socket.on('data', (data: Buffer) => socket.write(Buffer.concat([data, data])));
  socket.on('end', () => socket.end());
};

/** Applications that answer, by the name of their cluster. */
function startApps(): Readonly<Record<string, Server>> {
  const http = createHttp((asked, answer) => void asked.resume().on('end', () => answer.end('x'.repeat(ANSWERED))));
  http.on('upgrade', (_, socket: Socket) => {
    echo(socket);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  const http2 = createH2((asked, answer) => void asked.resume().on('end', () => answer.end('x'.repeat(ANSWERED))));
  const { privateKeyPem: key, certChainPem: cert } = selfSigned('secure');
  return {
    bytes: createTcp(echo),
    tunnel: createTcp(echo),
    web: http,
    // Answers a part, and no more.
    rest: createHttp((_, answer) => void answer.write('x')),
    two: http2,
    secure: createTls({ key, cert }, echo),
  };
}

function resources(ports: Ports, apps: Readonly<Record<string, number>>): object {
  const to = (prefix: string, name: string, more: object = {}): object => ({
    match: { prefix },
    route: { cluster: name, timeout: '60s', ...more },
  });
  const tunnel = {
    match: { connect_matcher: {} },
    route: { cluster: 'tunnel', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
  };
  const tls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
  const secure = { transport_socket: { name: 'tls', typed_config: { '@type': tls } } };
  const app = (name: string, extra: object = {}): object => cluster(name, [apps[name] as number], extra);
  return {
    listeners: [
      tcpListener('bytes', ports.bytes, 'bytes'),
      tcpListener('secure', ports.secure, 'secure'),
      tcpListener('dead', ports.dead, 'dead', { max_connect_attempts: 2 }),
      tcpListener('none', ports.none, 'none'),
      httpListener('web', ports.web, [
        to('/two', 'two'),
        to('/rest', 'rest'),
        to('/', 'web', { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
      ]),
      httpListener('tunnel', ports.tunnel, [tunnel], { http2_protocol_options: { allow_connect: true } }),
    ],
    clusters: [
      app('bytes'),
      app('secure', secure),
      app('tunnel'),
      app('web'),
      app('rest'),
      app('two', OVER_H2),
      cluster('dead', [1]),
      cluster('none', []),
    ],
  };
}

/** Something open, whose far end has answered. */
interface Open {
  /** Says so many bytes more, and resolves when they are answered. */
  readonly say?: () => Promise<void>;
  readonly end: () => void;
}

async function dial(port: number, head = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (head === '') return socket;
  socket.write(head);
  await once(socket, 'data');
  return socket;
}

async function talk(port: number, head = ''): Promise<Open> {
  const socket = await dial(port, head);
  const say = async (): Promise<void> => {
    let got = 0;
    const answered = new Promise<void>((resolve) => {
      const take = (data: Buffer): void => {
        got += data.length;
        if (got < ANSWERED) return;
        socket.off('data', take);
        resolve();
      };
      socket.on('data', take);
    });
    socket.write('y'.repeat(SENT));
    await answered;
  };
  // A tunnel's end may be half of one; a broken connection is one everywhere.
  return { say, end: () => void (head === '' ? socket.end() : socket.resetAndDestroy()) };
}

async function refused(port: number): Promise<Open> {
  const socket = await dial(port);
  socket.resume();
  await once(socket, 'close');
  return { end: () => {} };
}

interface Scenario {
  readonly name: string;
  readonly open: (ports: Ports) => Promise<Open>;
  /** Prefixes of what is compared. */
  readonly of: readonly string[];
  readonly whileOpen: Counts;
  readonly atEnd: Counts;
  /** Prefix of counters of bytes -> how many read and written while open; after the first words where there are any. */
  readonly bytes: Readonly<Record<string, readonly [read: number, written: number]>>;
}

const DOWN = 'downstream';
const UP = 'upstream';

/** One connection, and one request or what counts as one. */
const newUpstream = (name: string, more: Counts = {}): Counts => ({
  [`cluster.${name}.upstream_cx_active`]: 1,
  [`cluster.${name}.upstream_cx_total`]: 1,
  [`cluster.${name}.upstream_rq_pending_total`]: 1,
  [`cluster.${name}.upstream_rq_total`]: 1,
  ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`cluster.${name}.upstream_${key}`, value])),
});
const newDownstream = (name: string, version: 1 | 2, more: Counts = {}): Counts => ({
  [`http.${name}.rq_total`]: 1,
  [`http.${name}.downstream_cx_active`]: 1,
  [`http.${name}.downstream_cx_total`]: 1,
  [`http.${name}.downstream_cx_http${version}_active`]: 1,
  [`http.${name}.downstream_cx_http${version}_total`]: 1,
  [`http.${name}.downstream_rq_completed`]: 1,
  [`http.${name}.downstream_rq_http${version}_total`]: 1,
  [`http.${name}.downstream_rq_total`]: 1,
  ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`http.${name}.downstream_${key}`, value])),
});
/** A tunnel's response begins before its request has ended, and both go on. */
const TUNNEL = { cx_upgrades_active: 1, cx_upgrades_total: 1, rq_active: 1, rq_response_before_rq_complete: 1 };
const destroyed = (prefix: string, side: 'local' | 'remote', busy: boolean): Counts => ({
  [`${prefix}_cx_destroy`]: 1,
  [`${prefix}_cx_destroy_${side}`]: 1,
  ...(busy
    ? {
        [`${prefix}_cx_destroy_${prefix.endsWith(DOWN) ? '' : 'with_'}active_rq`]: 1,
        [`${prefix}_cx_destroy_${side}_${prefix.endsWith(DOWN) ? '' : 'with_'}active_rq`]: 1,
      }
    : {}),
});
const gone = (name: string, version: 1 | 2): Counts => ({
  [`http.${name}.downstream_cx_active`]: -1,
  [`http.${name}.downstream_cx_http${version}_active`]: -1,
});
/** The client broke off in the middle of a request, which had an HTTP/1.1 connection to the endpoint to itself. */
const brokenOff = (manager: string, target: string, version: 1 | 2): Counts => ({
  ...gone(manager, version),
  ...destroyed(`http.${manager}.downstream`, 'remote', true),
  [`http.${manager}.downstream_rq_active`]: -1,
  [`http.${manager}.downstream_rq_rx_reset`]: 1,
  ...destroyed(`cluster.${target}.upstream`, 'local', true),
  [`cluster.${target}.upstream_cx_active`]: -1,
  [`cluster.${target}.upstream_rq_active`]: -1,
});
const tcp = (name: string): Scenario => ({
  name: name === 'bytes' ? 'TCP' : 'TCP to an endpoint that speaks TLS',
  open: (ports) => talk(ports[name as keyof Ports]),
  of: [`cluster.${name}.`, `tcp.${name}.`],
  whileOpen: {
    ...newUpstream(name, { rq_active: 1 }),
    [`tcp.${name}.downstream_cx_total`]: 1,
    ...(name === 'secure' ? { 'cluster.secure.ssl.handshake': 1 } : {}),
  },
  atEnd: {
    ...destroyed(`cluster.${name}.upstream`, 'remote', true),
    [`cluster.${name}.upstream_cx_active`]: -1,
    [`cluster.${name}.upstream_rq_active`]: -1,
  },
  bytes: { [`tcp.${name}.${DOWN}`]: [SENT, ANSWERED], [`cluster.${name}.${UP}`]: [ANSWERED, SENT] },
});

/** Opened to a manager whose cluster has the same name; the client breaks off. */
const tunnel = (
  manager: 'web' | 'tunnel',
  version: 1 | 2,
  { name, open }: Pick<Scenario, 'name' | 'open'>,
): Scenario => {
  const answered = manager === 'web' ? { cx_http1_total: 1, rq_101: 1, rq_1xx: 1 } : { rq_200: 1, rq_2xx: 1 };
  return {
    name,
    open,
    of: [`cluster.${manager}.`, `http.${manager}.`],
    whileOpen: {
      ...newUpstream(manager, { ...answered, rq_active: 1, rq_completed: 1 }),
      ...newDownstream(manager, version, { ...TUNNEL, ...(manager === 'web' ? { rq_1xx: 1 } : { rq_2xx: 1 }) }),
    },
    atEnd: { ...brokenOff(manager, manager, version), [`http.${manager}.downstream_cx_upgrades_active`]: -1 },
    bytes: { [`http.${manager}.${DOWN}`]: [SENT, ANSWERED], [`cluster.${manager}.${UP}`]: [ANSWERED, SENT] },
  };
};

/** One request with a body, the same version on both sides; the client leaves after the answer. */
const request = (version: 1 | 2, open: Scenario['open']): Scenario => {
  const target = version === 1 ? 'web' : 'two';
  return {
    name: version === 1 ? 'HTTP/1.1' : 'HTTP/2',
    open,
    of: [`cluster.${target}.`, 'http.web.'],
    whileOpen: {
      ...newUpstream(target, { [`cx_http${version}_total`]: 1, rq_200: 1, rq_2xx: 1, rq_completed: 1 }),
      ...newDownstream('web', version, { rq_2xx: 1 }),
    },
    atEnd: { ...gone('web', version), ...destroyed('http.web.downstream', 'remote', false) },
    bytes: { [`http.web.${DOWN}`]: [SENT, ANSWERED], [`cluster.${target}.${UP}`]: [ANSWERED, SENT] },
  };
};

/** How clients of HTTP/2 leave. */
const GOODBYES: Readonly<Record<string, (peer: RawH2) => void>> = {
  FIN: ({ socket }) => void socket.end(),
  RST: ({ socket }) => void socket.resetAndDestroy(),
  'GOAWAY and FIN': (peer) => {
    peer.send(GOAWAY);
    peer.socket.end();
  },
  'GOAWAY and RST': ({ socket }) => void socket.write(GOAWAY, () => socket.resetAndDestroy()),
};
const GOAWAY = frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0)]));

const goodbye = (how: string, busy: boolean): Scenario => ({
  name: `${how} of an HTTP/2 client ${busy ? 'in the middle of a response' : 'that has its response'}`,
  open: async (ports) => {
    const peer = await RawH2.connect(ports.web);
    peer.keep = true;
    peer.send(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, peer.id(), requestBlock('GET', busy ? '/rest' : '/two')));
    const seen = await peer.until(({ type, flags }) => type === TYPE.DATA && (busy || (flags & END_STREAM) !== 0));
    assert.ok(seen, 'the response comes');
    return { end: () => GOODBYES[how]?.(peer) };
  },
  of: busy ? ['cluster.rest.', 'http.web.'] : ['http.web.'],
  whileOpen: {
    ...newDownstream('web', 2, { rq_2xx: 1, ...(busy ? { rq_active: 1 } : {}) }),
    ...(busy ? newUpstream('rest', { cx_http1_total: 1, rq_200: 1, rq_2xx: 1, rq_active: 1, rq_completed: 1 }) : {}),
  },
  atEnd: busy
    ? brokenOff('web', 'rest', 2)
    : { ...gone('web', 2), ...destroyed('http.web.downstream', 'remote', false) },
  bytes: {},
});

const SCENARIOS: readonly Scenario[] = [
  tcp('bytes'),
  tcp('secure'),
  {
    name: 'TCP to an endpoint that nobody is at',
    open: (ports) => refused(ports.dead),
    of: ['cluster.dead.', 'tcp.dead.'],
    whileOpen: {
      'cluster.dead.upstream_cx_connect_attempts_exceeded': 1,
      'cluster.dead.upstream_cx_connect_fail': 2,
      'cluster.dead.upstream_cx_destroy': 2,
      'cluster.dead.upstream_cx_destroy_remote': 2,
      'cluster.dead.upstream_cx_total': 2,
      'cluster.dead.upstream_rq_pending_failure_eject': 2,
      'cluster.dead.upstream_rq_pending_total': 2,
      'tcp.dead.downstream_cx_total': 1,
    },
    atEnd: {},
    bytes: {},
  },
  {
    name: 'TCP to a cluster without endpoints',
    open: (ports) => refused(ports.none),
    of: ['cluster.none.', 'tcp.none.'],
    whileOpen: {
      'cluster.none.lb_healthy_panic': 1,
      'cluster.none.upstream_cx_none_healthy': 1,
      'tcp.none.downstream_cx_total': 1,
    },
    atEnd: {},
    bytes: {},
  },
  tunnel('web', 1, {
    name: 'a WebSocket',
    open: (ports) =>
      talk(ports.web, 'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
  }),
  tunnel('tunnel', 1, {
    name: 'CONNECT that ends here',
    open: (ports) => talk(ports.tunnel, 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n'),
  }),
  tunnel('tunnel', 2, {
    name: 'CONNECT over HTTP/2',
    open: async (ports) => {
      const client = connectH2(`http://127.0.0.1:${ports.tunnel}`);
      client.on('error', () => {});
      const stream = client.request({ ':authority': 'a:80', ':method': 'CONNECT' });
      stream.on('error', () => {});
      await once(stream, 'response');
      let got = 0;
      stream.on('data', (data: Buffer) => (got += data.length));
      stream.write('z'.repeat(SENT));
      await until('the answer', () => got === ANSWERED);
      return { end: () => client.destroy() };
    },
  }),
  request(1, async (ports) => {
    const head = `POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: ${SENT}\r\n\r\n`;
    const socket = await dial(ports.web, `${head}${'y'.repeat(SENT)}`);
    socket.resume();
    return { end: () => void socket.end() };
  }),
  request(2, async (ports) => {
    const socket = await dial(ports.web);
    const client = connectH2('http://a', { createConnection: () => socket });
    client.on('error', () => {});
    const stream = client.request({ ':path': '/two', ':method': 'POST' });
    stream.end('z'.repeat(SENT));
    stream.resume();
    await once(stream, 'end');
    return { end: () => void socket.destroy() };
  }),
  ...Object.keys(GOODBYES).flatMap((how) => [goodbye(how, false), goodbye(how, true)]),
];

interface Bed {
  readonly plane: PlaneBed;
  readonly ports: Ports;
  close(): Promise<void>;
}

async function start(plane: Plane, threads = 1): Promise<Bed> {
  const apps = startApps();
  const at: Record<string, number> = {};
  for (const [name, app] of Object.entries(apps)) {
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    at[name] = (app.address() as AddressInfo).port;
  }
  const names = ['bytes', 'secure', 'dead', 'none', 'web', 'tunnel'] as const;
  const ports: Record<string, number> = {};
  for (const name of names) ports[name] = await freePort();
  const started = await startPlane(plane, resources(ports as unknown as Ports, at), threads);
  return {
    plane: started,
    ports: ports as unknown as Ports,
    close: async () => {
      await started.close();
      for (const app of Object.values(apps)) app.close();
    },
  };
}

const reader =
  ({ plane }: Bed, { of }: Scenario, accept: (name: string) => boolean) =>
  async (): Promise<Counts> =>
    Object.fromEntries(
      Object.entries(await plane.counts(/./)).filter(
        ([name]) => of.some((prefix) => name.startsWith(prefix)) && accept(name),
      ),
    );

/** Waits until what grew is that, and says what did when it never is. */
async function grows(before_: Counts, read: () => Promise<Counts>, expected: Counts): Promise<Counts> {
  let now: Counts = {};
  const grown = (): Counts => {
    const zeros = Object.fromEntries(Object.keys(before_).map((name) => [name, 0]));
    return growth(before_, { ...zeros, ...now });
  };
  await until('the counters', async () => isDeepStrictEqual(grown(), ((now = await read()), expected)), WAIT_MS).catch(
    () => {},
  );
  assert.deepEqual(grown(), expected);
  return now;
}

for (const plane of PLANES) {
  describe(`connections on ${plane}`, { skip: skipOf(plane) }, () => {
    let bed: Bed;
    before(async () => {
      bed = await start(plane);
    });
    after(() => bed?.close());

    for (const scenario of SCENARIOS)
      it(`counts ${scenario.name}`, async () => {
        const counts = reader(bed, scenario, (name) => !NOT_COMPARED.test(name));
        const bytes = reader(bed, scenario, (name) => BYTES.test(name));
        const [was, bytesWere] = [await counts(), await bytes()];
        const { say, end } = await scenario.open(bed.ports);
        const said = say === undefined ? bytesWere : await bytes();
        await say?.();
        const open = await grows(was, counts, scenario.whileOpen);
        const heard = growth(said, await bytes());
        for (const [prefix, [read, written]] of Object.entries(scenario.bytes)) {
          const [rx = 0, tx = 0] = ['rx', 'tx'].map((way) => heard[`${prefix}_cx_${way}_bytes_total`]);
          // What a tunnel carries is counted to the byte.
          const around = say === undefined ? AROUND : 0;
          assert.ok(rx >= read && rx <= read + around, `${prefix}: read ${rx} of ${read}`);
          assert.ok(tx >= written && tx <= written + around, `${prefix}: wrote ${tx} of ${written}`);
        }
        end();
        await grows(open, counts, scenario.atEnd);
      });
  });
}

describe('connections of several threads', () => {
  it('show their bytes while they are open', async (t) => {
    const bed = await start('topsail', 2);
    t.after(() => bed.close());
    const scenario = SCENARIOS[0] as Scenario;
    const { say, end } = await scenario.open(bed.ports);
    await say?.();
    const name = 'cluster.bytes.upstream_cx_rx_bytes_total';
    const read = reader(bed, scenario, (one) => one === name);
    await grows({}, read, { [name]: ANSWERED });
    end();
  });
});
