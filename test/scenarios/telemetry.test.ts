// Telemetry objects on a running mesh, carried by our proxy and by stock Envoy: what is logged, counted and traced
// changes with the object, and goes back when it goes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceLoopback } from '#base';
import { callHttp } from '#io';
import { findEnvoy } from '../../src/main/find-envoy.ts';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';

/** Lines, counts and spans are on their way for a second or two. */
const ARRIVES_WITHIN_MS = 90_000;
const DATABASE = 'db.default.svc.cluster.local';
const envoy = findEnvoy();

interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly localEndpoint: { readonly serviceName: string };
}

for (const dataPlane of ['topsail', 'envoy'] as const) {
  const skip =
    dataPlane === 'envoy' && envoy === undefined && process.env['CI'] === undefined
      ? 'no Envoy on this machine'
      : false;
  describe(`Telemetry, ${dataPlane}`, { skip }, () => {
    let mesh: TestMesh;
    let collector: Server;
    let database: TcpServer;
    const spans: Span[] = [];

    before(async () => {
      collector = createServer((request, response) => {
        const pieces: Buffer[] = [];
        request.on('data', (piece: Buffer) => pieces.push(piece));
        request.on('end', () => {
          // Whoever does not show what the mesh's settings give him is not heard.
          if (request.url === '/api/v2/spans' && request.headers['x-token'] === 'told')
            spans.push(...(JSON.parse(Buffer.concat(pieces).toString()) as Span[]));
          response.writeHead(202).end();
        });
      });
      await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
      database = createTcpServer((socket) => void socket.on('error', () => {}).pipe(socket));
      await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
      mesh = await startMesh({
        workloads: [{ app: 'asker' }, { app: 'told', version: 'v1' }],
        dataPlane,
        config: [
          settings((collector.address() as AddressInfo).port),
          databaseAt((database.address() as AddressInfo).port),
        ],
      });
    });
    after(async () => {
      await mesh?.stop();
      collector.close();
      database.close();
    });

    const ask = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> => {
      const [answer] = await mesh.order('asker', { url: `http://told:9080${path}`, headers });
      assert.equal(answer?.status, 200, JSON.stringify(answer));
    };
    const metrics = async (workload: string): Promise<string> => {
      const { statusPort } = JSON.parse(
        readFileSync(join(mesh.home, 'run/workloads', `${workload}.default.json`), 'utf8'),
      ) as { statusPort: number };
      const answer = await callHttp({
        target: { host: '127.0.0.1', port: statusPort },
        method: 'GET',
        path: '/stats/prometheus',
        timeoutMs: 30_000,
      });
      return answer?.body ?? '';
    };

    test('logs only what the filter lets pass, and only on the side that is named', async () => {
      await mesh.apply(
        telemetry(
          'logs',
          'accessLogging: [{ match: { mode: SERVER }, providers: [{ name: lines }], filter: { expression: "request.url_path.startsWith(\'/kept\')" } }]',
        ),
      );
      // Envoy serves open connections by the former listener until it has drained them.
      await until('the line', async () => {
        await ask('/left-out');
        await ask('/kept?a=1');
        await sleep(300);
        return lines('told-v1', 'server-line').length > 0;
      });
      assert.deepEqual(
        lines('told-v1', 'server-line').filter((line) => !line.includes('/kept?a=1')),
        [],
      );
      assert.equal(lines('asker', 'server-line').length, 0);
      await mesh.apply(telemetry('logs', 'accessLogging: [{ disabled: true }]'));
      // Envoy serves open connections by the former listener until it has drained them.
      await until('silence', async () => {
        const before = lines('told-v1', 'server-line').length;
        await ask('/kept?a=2');
        await sleep(1_500);
        return lines('told-v1', 'server-line').length === before;
      });
    });

    test('counts with labels made of expressions, and leaves out what is off', async () => {
      await mesh.apply(
        telemetry(
          'metrics',
          `metrics:
  - providers: [{ name: prometheus }]
    overrides:
    - match: { metric: REQUEST_COUNT, mode: SERVER }
      tagOverrides:
        tenant: { value: "request.headers['x-tenant']" }
        page: { value: "request.url_path.startsWith('/shop') ? 'shop' : 'other'" }
        source_principal: { operation: REMOVE }
    - match: { metric: REQUEST_SIZE }
      disabled: true`,
        ),
      );
      let page = '';
      await until('the counts', async () => {
        await ask('/shop/1', { 'x-tenant': 'blue' });
        await ask('/');
        page = await metrics('told-v1');
        return /istio_requests_total\{[^}]*page="shop",tenant="blue"\} [1-9]/.test(page);
      });
      assert.match(page, /istio_requests_total\{[^}]*page="other",tenant="unknown"\} [1-9]/);
      const tailored = page.split('\n').filter((line) => line.includes('tenant='));
      assert.ok(
        tailored.every((line) => line.startsWith('istio_requests_total{') && !line.includes('source_principal')),
      );
    });

    test('counts the bytes of a TCP connection while it lives, as often as it is told', async (t) => {
      await mesh.apply(telemetry('connections', 'metrics: [{ reportingInterval: 100ms }]'));
      const { block } = JSON.parse(readFileSync(join(mesh.home, 'run/workloads/asker.default.json'), 'utf8')) as {
        block: string;
      };
      const socket = connect({ host: serviceLoopback(block, DATABASE), port: 9300 });
      t.after(() => socket.destroy());
      socket.on('error', () => {}).write('12345');
      let page = '';
      const shows = async (counts: Readonly<Record<string, number>>): Promise<boolean> => {
        page = await metrics('asker');
        return Object.entries(counts).every(([name, count]) =>
          new RegExp(`istio_tcp_${name}_total\\{[^}]*destination_service="${DATABASE}"[^}]*\\} ${count}\n`).test(page),
        );
      };
      await until('the bytes of the open connection', () =>
        shows({ connections_opened: 1, connections_closed: 0, received_bytes: 5, sent_bytes: 5 }),
      );
      socket.end('678');
      await until('its end', () =>
        shows({ connections_opened: 1, connections_closed: 1, received_bytes: 8, sent_bytes: 8 }),
      );
    });

    test('traces with the tags that are asked for, connected between caller and callee', async () => {
      await mesh.apply(
        telemetry(
          'traces',
          `tracing:
  - providers: [{ name: zipkin }]
    randomSamplingPercentage: 100
    customTags:
      team: { literal: { value: shop } }
      user: { header: { name: x-user, defaultValue: nobody } }
      said: { formatter: { value: "%REQ(:METHOD)% %RESPONSE_CODE%" } }`,
        ),
      );
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      await until('both spans', async () => {
        await ask('/traced', {
          'x-user': 'ann',
          'x-b3-traceid': traceId,
          'x-b3-spanid': 'b7ad6b7169203331',
          'x-b3-sampled': '1',
        });
        await sleep(300);
        return pair(traceId) !== undefined;
      });
      const [client, server] = pair(traceId) ?? [];
      assert.equal(client?.parentId, 'b7ad6b7169203331');
      for (const span of [server, client]) {
        assert.equal(span?.tags['team'], 'shop');
        assert.equal(span?.tags['user'], 'ann');
        assert.equal(span?.tags['said'], 'GET 200');
        assert.equal(span?.tags['http.status_code'], '200');
        assert.equal(span?.tags['istio.namespace'], 'default');
      }
      assert.equal(server?.tags['istio.canonical_service'], 'told');
      assert.equal(client?.localEndpoint.serviceName, 'asker.default');
    });

    test('passes no context on where that is asked, and tells its spans all the same', async () => {
      await mesh.apply(
        telemetry(
          'traces',
          `tracing:
  - providers: [{ name: zipkin }]
    randomSamplingPercentage: 100
    disableContextPropagation: true`,
        ),
      );
      let asked = 0;
      await until('two spans of one request that know nothing of each other', async () => {
        await ask(`/alone-${++asked}/`);
        await sleep(1_500);
        // Of any of them: spans may take longer than that.
        return Array.from({ length: asked }, (_, i) => `/alone-${i + 1}/`).some((path) => {
          const mine = spans.filter(({ tags }) => tags['http.url']?.endsWith(path));
          return (
            mine.length === 2 &&
            mine.every(({ parentId }) => parentId === undefined) &&
            new Set(mine.map(({ traceId }) => traceId)).size === 2
          );
        });
      });
    });

    /** A caller's span, and its callee's below it. */
    const pair = (traceId: string): readonly [Span, Span] | undefined => {
      const mine = spans.filter((span) => span.traceId === traceId);
      for (const server of mine) {
        const client = mine.find(({ id, kind }) => kind === 'CLIENT' && id === server.parentId);
        if (server.kind === 'SERVER' && client !== undefined) return [client, server];
      }
      return undefined;
    };
    const lines = (workload: string, mark: string): string[] =>
      mesh
        .process(workload)
        .log()
        .split('\n')
        .filter((line) => line.includes(mark));
  });
}

function telemetry(name: string, spec: string): string {
  // One object of the namespace holds at a time: the oldest.
  const app = { metrics: 'told', connections: 'asker' }[name];
  const selected = app === undefined ? '' : `selector: { matchLabels: { app: ${app} } }\n  `;
  const namespace = name === 'traces' ? 'istio-system' : 'default';
  return `apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n  ${selected}${spec}\n`;
}

function settings(zipkin: number): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
    - name: lines
      envoyFileAccessLog: { path: /dev/stdout, logFormat: { text: "server-line %REQ(:PATH)% %RESPONSE_CODE%" } }
    - name: zipkin
      zipkin:
        service: zipkin.istio-system.svc.cluster.local
        port: 9411
        timeout: 10s
        headers: [{ name: x-token, value: told }]
        traceContextOption: USE_B3_WITH_W3C_PROPAGATION
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: zipkin, namespace: istio-system }
spec:
  hosts: [zipkin.istio-system.svc.cluster.local]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9411, name: http, protocol: HTTP, targetPort: ${zipkin} }]
  endpoints: [{ address: 127.0.0.1 }]
`;
}

function databaseAt(port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: db, namespace: default }
spec:
  hosts: [${DATABASE}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9300, name: tcp, protocol: TCP, targetPort: ${port} }]
  endpoints: [{ address: 127.0.0.1 }]
`;
}

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + ARRIVES_WITHIN_MS; !(await done()); await sleep(100))
    if (Date.now() > end) throw new Error(`${what} did not arrive within ${ARRIVES_WITHIN_MS} ms`);
}
