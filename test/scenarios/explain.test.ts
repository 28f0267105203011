// Prepared failures on a running mesh, and what `topsail explain` says of each: the request goes through real proxies,
// its records come by the tap, the verdict is looked for on any of its hops.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TapRecordJson, type VerdictCode, verdictOf } from '#api';
import { type MeshAsk, type Order, startMesh, type TestMesh } from '../mesh/mesh.ts';

const PLANES = (process.env['TOPSAIL_TEST_DATA_PLANE'] ?? 'topsail').split(',') as NonNullable<MeshAsk['dataPlane']>[];
const WITHIN_MS = 90_000;

interface Case {
  readonly expected: VerdictCode;
  /** Among the words or the facts of the hop that says so. */
  readonly facts?: Partial<Record<keyof TapRecordJson, RegExp>>;
  readonly config?: string;
  /** What the hop went by, as `explain` prints it. */
  readonly because?: RegExp;
  readonly order?: Partial<Order>;
  readonly to?: string;
  readonly prepare?: (mesh: TestMesh) => Promise<void>;
  /** On Envoy, where that differs: it retries what our proxy does not, and says less of a handshake. */
  readonly onEnvoy?: VerdictCode;
  /** Envoy does not come to this point within the test's few requests: connections keep their filter chain until drained. */
  readonly only?: 'topsail';
}

const virtualService = (http: string, host = 'reviews'): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: case, namespace: default }
spec:
  hosts: [${host}]
  http: ${http}
`;
const destinationRule = (policy: string, host = 'reviews'): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: case, namespace: default }
spec:
  host: ${host}
  trafficPolicy: ${policy}
`;
const policy = (spec: string, annotations = '{}'): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: case, namespace: default, annotations: ${annotations} }
spec: { selector: { matchLabels: { app: reviews } }, ${spec} }
`;
const external = (port: number, tls = ''): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: case, namespace: default }
spec:
  hosts: [outside.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
${tls === '' ? '' : `---\n${destinationRule(tls, 'outside.example')}`}`;
const TO = '{ destination: { host: reviews } }';
const failing =
  (status: number) =>
  async (mesh: TestMesh): Promise<void> => {
    await Promise.all(['reviews-v1', 'reviews-v2'].map((name) => mesh.fail(name, status)));
  };

const CASES: Readonly<Record<string, Case>> = {
  'nothing is wrong': { expected: 'forwarded' },
  'no match fits': {
    expected: 'no-route',
    config: virtualService(`[{ match: [{ uri: { prefix: /only-this } }], route: [${TO}] }]`),
  },
  'the route leads nowhere': {
    expected: 'no-cluster',
    config: virtualService('[{ route: [{ destination: { host: nowhere.default.svc.cluster.local } }] }]'),
  },
  'a service without workloads': { expected: 'no-endpoint', to: 'http://empty:9080' },
  'a fault aborts': {
    expected: 'fault-aborted',
    config: virtualService(`[{ fault: { abort: { httpStatus: 500, percentage: { value: 100 } } }, route: [${TO}] }]`),
    because: /because of VirtualService default\/case spec\.http\[0\] \(.*case\.yaml:6\)/,
  },
  'a fault delays': {
    expected: 'delayed',
    config: virtualService(`[{ fault: { delay: { fixedDelay: 0.05s, percentage: { value: 100 } } }, route: [${TO}] }]`),
  },
  'a fault delays and aborts': {
    expected: 'fault-aborted',
    facts: { flags: /DI/ },
    config: virtualService(
      `[{ fault: { delay: { fixedDelay: 0.05s, percentage: { value: 100 } }, abort: { httpStatus: 503, percentage: { value: 100 } } }, route: [${TO}] }]`,
    ),
  },
  'the route gives it too little time': {
    expected: 'timeout',
    config: virtualService(`[{ timeout: 0.2s, route: [${TO}] }]`),
    to: 'http://reviews:9080?wait=3000',
  },
  'each try has too little time': {
    expected: 'try-timeout',
    config: virtualService(
      `[{ retries: { attempts: 1, perTryTimeout: 0.1s, retryOn: gateway-error }, timeout: 10s, route: [${TO}] }]`,
    ),
    to: 'http://reviews:9080?wait=3000',
  },
  'every try fails': {
    expected: 'retries-exhausted',
    facts: { attempts: /^[23]$/ },
    config: virtualService(`[{ retries: { attempts: 2, retryOn: 5xx }, route: [${TO}] }]`),
    prepare: failing(503),
  },
  'the first try fails, another does not': {
    expected: 'after-retries',
    config: virtualService(`[{ retries: { attempts: 5, retryOn: 5xx }, route: [${TO}] }]`),
    prepare: async (mesh) => await mesh.fail('reviews-v1', 503),
    order: { count: 30 },
  },
  'the application fails': { expected: 'application-failed', prepare: failing(500) },
  'the application refuses': { expected: 'application-refused', prepare: failing(409) },
  'a policy denies': {
    expected: 'denied',
    only: 'topsail',
    facts: { policy: /policy\[case\]-rule\[0\]/ },
    because: /because of AuthorizationPolicy default\/case spec\.rules\[0\] \(.*case\.yaml:4\)/,
    config: policy('action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }]'),
  },
  'no policy allows': {
    expected: 'denied',
    config: policy('action: ALLOW, rules: [{ to: [{ operation: { methods: [PUT] } }] }]'),
  },
  'a policy would deny': {
    expected: 'forwarded',
    only: 'topsail',
    facts: { shadowPolicy: /policy\[case\]-rule\[0\]/ },
    config: policy(
      'action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }]',
      '{ istio.io/dry-run: "true" }',
    ),
  },
  'the token is no token': {
    expected: 'jwt-refused',
    config: `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: case, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  jwtRules: [{ issuer: someone, jwks: '{"keys":[]}' }]
`,
    order: { headers: { authorization: 'Bearer nonsense' } },
  },
  'more requests than the circuit breaker allows': {
    expected: 'circuit-open',
    because: /because of DestinationRule default\/case spec\.trafficPolicy \(.*case\.yaml:6\)/,
    config: destinationRule(
      '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 1 } } }',
    ),
    to: 'http://reviews:9080?wait=400',
    order: { count: 20, concurrency: 20 },
  },
  'nobody listens': { expected: 'connect-refused', config: external(1), to: 'http://outside.example' },
  'the endpoint shows another identity': {
    expected: 'san-mismatch',
    config: destinationRule(
      '{ tls: { mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/somebody-else"] } }',
    ),
  },
  'the caller gives up': {
    expected: 'caller-gone',
    to: 'http://reviews:9080?wait=3000',
    order: { timeoutMs: 300 },
  },
  'a route redirects': {
    expected: 'redirected',
    config: virtualService('[{ redirect: { uri: /elsewhere } }]'),
  },
  'a route answers': {
    expected: 'answered-by-route',
    config: virtualService('[{ directResponse: { status: 418 } }]'),
  },
  'a preflight': {
    expected: 'preflight',
    config: virtualService(
      `[{ corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], allowMethods: [GET] }, route: [${TO}] }]`,
    ),
    order: {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' },
    },
  },
  'all endpoints are ejected': {
    expected: 'no-endpoint',
    only: 'topsail',
    config: destinationRule(
      '{ outlierDetection: { consecutive5xxErrors: 2, interval: 0.2s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
    ),
    prepare: failing(500),
    order: { count: 40 },
  },
};

/** Local servers that misbehave. */
const SERVERS: Readonly<Record<string, Pick<Case, 'expected' | 'onEnvoy'> & { readonly tls?: string }>> = {
  'the endpoint hangs up': { expected: 'closed-by-endpoint', onEnvoy: 'retries-exhausted' },
  'the endpoint speaks plaintext where TLS is asked for': {
    expected: 'tls-failed',
    // Envoy says no more than that the connection failed before it was one.
    onEnvoy: 'connect-failed',
    tls: '{ tls: { mode: SIMPLE } }',
  },
};

for (const plane of PLANES)
  describe(`explain on ${plane}`, () => {
    let mesh: TestMesh;
    let rude: Server;
    let number = 0;
    const told: TapRecordJson[] = [];
    let endTap = (): void => {};

    before(async () => {
      mesh = await startMesh({
        dataPlane: plane,
        workloads: [{ app: 'frontend' }, { app: 'reviews', version: 'v1' }, { app: 'reviews', version: 'v2' }],
        config: [
          'apiVersion: v1\nkind: Service\nmetadata: { name: empty, namespace: default }\nspec: { selector: { app: nobody }, ports: [{ port: 9080, name: http }] }\n',
        ],
      });
      endTap = await listen(mesh, told);
      rude = createServer((socket) => void socket.on('error', () => {}).once('data', () => socket.destroy()));
      await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    });
    after(async () => {
      endTap();
      rude?.close();
      await mesh?.stop();
    });

    const all: Record<string, Case> = { ...CASES };
    for (const [name, { tls, ...rest }] of Object.entries(SERVERS))
      all[name] = {
        ...rest,
        to: 'http://outside.example',
        prepare: async () => {
          await mesh.apply(external((rude.address() as AddressInfo).port, tls));
        },
      };

    for (const [name, one] of Object.entries(all)) {
      if (one.only !== undefined && one.only !== plane) continue;
      const expected = plane === 'envoy' ? (one.onEnvoy ?? one.expected) : one.expected;
      test(`${name}: ${expected}`, async () => {
        const path = `/case-${++number}`;
        const url = new URL(one.to ?? 'http://reviews:9080');
        url.pathname = path;
        try {
          if (one.config !== undefined) await mesh.apply(one.config);
          await one.prepare?.(mesh);
          const ask = () => mesh.order('frontend', { timeoutMs: 12_000, ...one.order, url: url.href });
          const hop = await found(told, path, { expected, facts: one.facts }, ask);
          const said = await mesh.topsail('explain', hop.id);
          assert.equal(said.status, 0, said.stderr);
          assert.ok(said.stdout.includes(verdictOf(hop).words), said.stdout);
          // Envoy's log names no cluster where it chose no endpoint.
          if (one.because !== undefined && (plane === 'topsail' || expected !== 'circuit-open'))
            assert.match(said.stdout, one.because);
        } finally {
          await failing(0)(mesh);
          for (const kind of [
            'VirtualService',
            'DestinationRule',
            'AuthorizationPolicy',
            'RequestAuthentication',
            'ServiceEntry',
          ])
            if ((await mesh.object(kind, 'case')) !== undefined) await mesh.delete(kind, 'case');
        }
      });
    }
  });

/**
 * The first hop of a request to `path` that has the expected verdict and facts. Asked again while it is not there:
 * Envoy's connections go on with the filter chains that they began with until they are drained.
 */
async function found(
  told: readonly TapRecordJson[],
  path: string,
  { expected, facts }: { readonly expected: VerdictCode; readonly facts: Case['facts'] },
  ask: () => Promise<unknown>,
): Promise<TapRecordJson> {
  const end = Date.now() + WITHIN_MS;
  for (let looks = 0; ; looks++) {
    if (looks % 20 === 0) await ask();
    const hops = told.filter((hop) => hop.path === path);
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
