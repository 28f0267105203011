// Prepared failures on a running mesh, and what `topsail explain` says of each: the request goes through real proxies,
// its records come by the tap, the verdict is looked for on any of its hops.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer, request } from 'node:http';
import { createServer as createH2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExplainedHopJson, type TapRecordJson, type VerdictCode, verdictOf } from '#api';
import { explainHops } from '../../src/cli/explain.ts';
import { type MeshAsk, startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';
import { selfSigned } from '../rungs/sockets/self-signed.ts';
import { aborting, type Case, CASES, external, failing } from './explain-cases.ts';

const PLANES = (process.env['TOPSAIL_TEST_DATA_PLANE'] ?? 'topsail').split(',') as NonNullable<MeshAsk['dataPlane']>[];
const WITHIN_MS = 90_000;
/** At 50 ms each, before it is asked again. */
const LOOKS = 200;

const KINDS = [
  'PeerAuthentication',
  'VirtualService',
  'DestinationRule',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'ServiceEntry',
  'Sidecar',
];

/** Local servers that misbehave, each in its own way; and one that authorizes nobody. */
function misbehave(): Readonly<Record<string, Server>> {
  const tcp = (answer: (socket: Socket) => void): Server =>
    createServer((socket) => void socket.on('error', () => {}).once('data', () => answer(socket)));
  const { certChainPem: cert, privateKeyPem: key } = selfSigned('known');
  return {
    rude: tcp((socket) => socket.destroy()),
    mute: tcp(() => {}),
    resets: createH2Server().on('stream', (stream) => stream.on('error', () => {}).close(2)),
    nonsense: tcp((socket) => socket.end('this is no answer\r\n\r\n')),
    grpc: createHttpServer((_, response) =>
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '7' }).end(),
    ),
    guard: createHttpServer((_, response) => response.writeHead(403).end()),
    choosy: createTlsServer(
      {
        cert,
        key,
        SNICallback: (name, done) =>
          name === 'known.example' ? done(null) : done(new Error('nobody is called so here')),
      },
      (socket) => socket.on('error', () => {}).destroy(),
    ).on('tlsClientError', () => {}),
  };
}

const portOf = (server: Server | undefined): number => ((server as Server).address() as AddressInfo).port;

/** Providers of external authorization: one that says no, one that is away, one that is sent little. */
function authorizers(guard: number): string {
  const provider = (name: string, more = ''): string =>
    `    - name: ${name}\n      envoyExtAuthzHttp: { service: ${name}.example, port: 80${more} }\n`;
  const entry = (name: string, port: number): string =>
    `---\n${external(port).replace('name: case', `name: ${name}`).replace('outside.example', `${name}.example`)}`;
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
${provider('guard')}${provider('away')}${provider('small', ', includeRequestBodyInCheck: { maxRequestBytes: 100 }')}${entry('guard', guard)}${entry('away', 1)}${entry('small', guard)}`;
}

for (const plane of PLANES)
  describe(`explain on ${plane}`, () => {
    let mesh: TestMesh;
    const servers = misbehave();
    let number = 0;
    const told: TapRecordJson[] = [];
    let endTap = (): void => {};

    before(async () => {
      for (const server of Object.values(servers))
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      mesh = await startMesh({
        dataPlane: plane,
        workloads: [{ app: 'frontend' }, { app: 'reviews', version: 'v1' }, { app: 'reviews', version: 'v2' }],
        config: [
          authorizers(portOf(servers['guard'])),
          'apiVersion: v1\nkind: Service\nmetadata: { name: empty, namespace: default }\nspec: { selector: { app: nobody }, ports: [{ port: 9080, name: http }] }\n',
        ],
      });
      endTap = await listen(mesh, told);
    });
    after(async () => {
      endTap();
      for (const server of Object.values(servers)) server.close();
      await mesh?.stop();
    });

    test('calls side by side under one id: each account stands below its own', async () => {
      const url = 'http://reviews:9080/side-by-side?wait=200';
      let tree: readonly ExplainedHopJson[] = [];
      let id = '';
      let looks = 0;
      await until(
        () => JSON.stringify(tree.map((hop) => [hop.workload, hop.direction, hop.parent])),
        async () => {
          // Asked again: who listens may not have reached the proxies yet.
          if (looks++ % LOOKS === 0) {
            id = randomUUID();
            await mesh.order('frontend', { url, count: 6, concurrency: 6, headers: { 'x-request-id': id } });
          }
          tree = await askFor(mesh, id);
          return tree.length >= 12;
        },
      );
      const below = tree.filter((hop) => hop.direction === 'inbound');
      assert.equal(below.length, 6);
      assert.equal(new Set(below.map((hop) => hop.parent)).size, 6, 'each caller caused one');
      for (const hop of below) {
        const parent = tree[hop.parent];
        assert.ok(parent !== undefined);
        assert.equal(parent.direction, 'outbound');
        assert.equal(parent.destination.workload, hop.workload);
        assert.notEqual(hop.connection, '');
        assert.equal(parent.connection, hop.connection);
      }
    });

    test('an injected fault is told by tap and edges, with the object that asks for it', async () => {
      await mesh.apply(aborting(503));
      try {
        const words = 'fault injected (abort 503) by VirtualService default/case';
        let said = '';
        const tapped = mesh.topsail('tap', '--to', 'reviews', '--status', '503', '--max', '1');
        const ended = tapped.then(({ stdout }) => (said = stdout));
        await until(
          () => said,
          async () => {
            await mesh.order('frontend', { url: 'http://reviews:9080/aborted' });
            return said !== '';
          },
        );
        await ended;
        assert.ok(said.includes(words), said);
        let edges = '';
        await until(
          () => edges,
          async () => (edges = (await mesh.topsail('edges')).stdout).includes(words),
        );
      } finally {
        await mesh.delete('VirtualService', 'case');
      }
    });

    for (const [name, one] of Object.entries(CASES)) {
      if (one.only !== undefined && one.only !== plane) continue;
      const expected = plane === 'envoy' ? (one.onEnvoy ?? one.expected) : one.expected;
      test(`${name}: ${expected}`, async () => {
        const path = `/case-${++number}`;
        const url = new URL(one.to ?? 'http://reviews:9080');
        url.pathname = path;
        try {
          if (one.config !== undefined) await mesh.apply(one.config);
          if (one.server !== undefined) await mesh.apply(external(portOf(servers[one.server]), one.tls));
          await one.prepare?.(mesh);
          const before = told.length;
          const ask = () =>
            one.act?.(mesh) ?? mesh.order('frontend', { timeoutMs: 12_000, ...one.order, url: url.href });
          const own = (): readonly TapRecordJson[] =>
            one.act === undefined ? told.filter((each) => each.path === path) : told.slice(before);
          const hop = await found(own, { expected, facts: one.facts }, ask);
          // A connection that never became a request has no id to ask for.
          let said = '';
          // Records of its other hops may be on their way.
          await until(
            () => said,
            async () => {
              said =
                hop.id === '' ? explainHops([alone(hop)]) : await explained(mesh, hop.id, one.because !== undefined);
              return said.includes(verdictOf(hop).words) && (one.because === undefined || one.because.test(said));
            },
          );
        } finally {
          await failing(0)(mesh);
          for (const kind of KINDS)
            if ((await mesh.object(kind, 'case')) !== undefined) await mesh.delete(kind, 'case');
        }
      });
    }
  });

function alone(hop: TapRecordJson): ExplainedHopJson {
  return { ...hop, causes: {}, parent: -1, depth: 0, maybe: [] };
}

async function askFor(mesh: TestMesh, id: string): Promise<readonly ExplainedHopJson[]> {
  const answer = await fetch(new URL(`/api/v1/explain/${encodeURIComponent(id)}`, mesh.run.address), {
    headers: { authorization: `Bearer ${mesh.run.token}` },
  });
  return (await answer.json()) as ExplainedHopJson[];
}

/** What `topsail explain` prints; without the command's own start where the words alone are looked at. */
async function explained(mesh: TestMesh, id: string, byCommand: boolean): Promise<string> {
  if (!byCommand) {
    return explainHops(await askFor(mesh, id));
  }
  const said = await mesh.topsail('explain', id);
  assert.equal(said.status, 0, said.stderr);
  return said.stdout;
}

/**
 * The first of the hops that has the expected verdict and facts. Asked again while it is not there:
 * Envoy's connections go on with the filter chains that they began with until they are drained.
 */
async function found(
  told: () => readonly TapRecordJson[],
  { expected, facts }: { readonly expected: VerdictCode; readonly facts: Case['facts'] },
  ask: () => Promise<unknown>,
): Promise<TapRecordJson> {
  const end = Date.now() + WITHIN_MS;
  for (let looks = 0; ; looks++) {
    if (looks % 20 === 0) await ask();
    const hops = told();
    const hop = hops.find(
      (one) =>
        verdictOf(one).code === expected &&
        Object.entries(facts ?? {}).every(([name, pattern]) => pattern.test(String(one[name as keyof TapRecordJson]))),
    );
    if (hop !== undefined) return hop;
    if (Date.now() > end)
      assert.fail(
        `expected ${expected}, was told ${JSON.stringify(
          hops.map((one) => [
            one.workload,
            one.direction,
            one.status,
            one.flags,
            one.details,
            one.upstreamFailure,
            one.policy,
            one.shadowPolicy,
            one.attempts,
            verdictOf(one).code,
          ]),
        )}`,
      );
    await sleep(50);
  }
}

/** Listens to all workloads, as `topsail tap` does; returns what ends it. */
async function listen(mesh: TestMesh, told: TapRecordJson[]): Promise<() => void> {
  const url = new URL('/api/v1/tap?perSecond=1000', mesh.run.address);
  return await new Promise((resolve, reject) => {
    const asked = request(url, { headers: { authorization: `Bearer ${mesh.run.token}` } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) if (line.startsWith('data:')) told.push(JSON.parse(line.slice(5)) as TapRecordJson);
      });
      response.on('error', () => {});
      resolve(() => asked.destroy());
    });
    asked.on('error', reject);
    asked.end();
  });
}
