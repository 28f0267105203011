// Workloads of every kind under STRICT: named target ports, StatefulSets, other names of services, probes and hooks, Jobs with init
// containers, pods without a proxy, applications that call at once, and namespaces that choose their revision by a tag.
import assert from 'node:assert/strict';
import { VERSION } from '../../src/main/version.ts';
import type { Cluster } from './cluster.ts';
import { app, applyAll, strict } from './mesh-apps.ts';
import type { KubeTest, Step } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const IMAGE = `topsail.local/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const SMALL = ['--set', 'profile=minimal', '--set', 'values.pilot.resources.requests.cpu=10m'];
const READY = ['-y', '--readiness-timeout', '600s'];

/** Says who it is, and whether its proxy saw a certificate. */
const ECHO = `
const http = require('node:http');
for (const port of process.env.PORTS.split(','))
  http.createServer((q, r) => r.end(JSON.stringify({ pod: process.env.HOSTNAME, port, path: q.url, mtls: q.headers['x-forwarded-client-cert'] !== undefined }))).listen(+port);
require('node:net').createServer((s) => s.end(process.env.HOSTNAME)).listen(9000);
process.on('SIGTERM', () => process.exit(0));`;

/** Asked by each kind of probe; when it is to leave it takes its leave of \`notes\`. */
const PROBED = `
const http = require('node:http'), http2 = require('node:http2');
http.createServer((q, r) => {
  if (q.url !== '/leave') return r.end('ok');
  http.get('http://notes:8080/left', (a) => { a.resume(); a.on('end', () => r.end('bye')); }).on('error', () => r.end('?'));
}).listen(8080);
http2.createServer().on('stream', (s) => {
  s.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': '0' }));
  s.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
}).listen(8081);
process.on('SIGTERM', () => process.exit(0));`;

const NOTES = `
const paths = [];
require('node:http').createServer((q, r) => { if (q.url !== '/all') paths.push(q.url); r.end(JSON.stringify(paths)); }).listen(8080);`;

/** Its first act is a call: without a proxy it fails. */
const EAGER = `
fetch('http://web/eager', { signal: AbortSignal.timeout(5000) }).then((r) => { if (r.status !== 200) process.exit(3); }, () => process.exit(4));
${IDLE};`;
const ONCE = `fetch('http://web/once', { signal: AbortSignal.timeout(5000) }).then((r) => process.exit(r.status === 200 ? 0 : 3), () => process.exit(4))`;

const test: KubeTest = {
  title: 'Workloads of every kind',
  seconds: 110,
  run: async (cluster, step) => {
    await step('minimal profile, a STRICT namespace', async () => {
      mustTopsail(cluster, ['install', ...SMALL, ...READY]);
      for (const namespace of ['mesh', 'other']) {
        cluster.kubectl(['create', 'namespace', namespace]);
        cluster.kubectl(['label', 'namespace', namespace, 'istio-injection=enabled']);
      }
      applyAll(cluster, 'mesh', [strict(), ...webs(), ...app({ name: 'caller', image: IMAGE, script: IDLE })]);
      applyAll(cluster, 'other', [otherName(), ...app({ name: 'caller', image: IMAGE, script: IDLE })]);
      applyAll(cluster, 'mesh', [
        ...app({ name: 'notes', image: IMAGE, script: NOTES }),
        ...peers(),
        ...probed(),
        ...edge(),
      ]);
      available(cluster, 'mesh', 'other');
      cluster.kubectl(['-n', 'mesh', 'rollout', 'status', 'statefulset/peers', '--timeout=600s']);
    });
    await services(cluster, step);
    await probesAndHooks(cluster, step);
    await beginnings(cluster, step);
    await hostNetwork(cluster, step);
    await withoutProxy(cluster, step);
    await tags(cluster, step);
  },
};

export default test;

interface PodParts {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly script: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly container?: object;
  readonly pod?: object;
}

function template({ name, labels = { app: name }, annotations = {}, script, env = {}, container, pod }: PodParts) {
  const variables = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  return {
    metadata: { labels, annotations },
    spec: {
      terminationGracePeriodSeconds: 20,
      containers: [{ name: 'app', image: IMAGE, args: ['-e', script], env: variables, ...container }],
      ...pod,
    },
  };
}

function deployment(parts: PodParts): object {
  const { name, labels = { app: name } } = parts;
  const spec = { selector: { matchLabels: labels }, template: template(parts) };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}

/** The same names of ports at two pods mean two numbers, and one of them lacks the second. */
function webs(): readonly object[] {
  const ports = [
    { name: 'http', port: 80, targetPort: 'web' },
    { name: 'http-admin', port: 81, targetPort: 'admin' },
  ];
  const named = (name: string, numbers: Readonly<Record<string, number>>): object =>
    deployment({
      name: `web-${name}`,
      labels: { app: 'web', part: name },
      script: ECHO,
      env: { PORTS: Object.values(numbers).join() },
      container: { ports: Object.entries(numbers).map(([port, containerPort]) => ({ name: port, containerPort })) },
    });
  return [
    named('a', { web: 8080 }),
    named('b', { web: 8081, admin: 9090 }),
    service('web', { selector: { app: 'web' }, ports }),
  ];
}

function otherName(): object {
  return service('web', { type: 'ExternalName', externalName: 'web.mesh.svc.cluster.local' });
}

function peers(): readonly object[] {
  const ports = [
    { name: 'http', port: 8080 },
    { name: 'tcp', port: 9000 },
  ];
  const spec = {
    serviceName: 'peers',
    replicas: 2,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: 'peers' } },
    template: template({ name: 'peers', script: ECHO, env: { PORTS: '8080' } }),
  };
  return [
    { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'peers' }, spec },
    service('peers', { clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: 'peers' }, ports }),
  ];
}

function probed(): readonly object[] {
  const often = { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 60 };
  const container = {
    ports: [{ name: 'web', containerPort: 8080 }],
    startupProbe: { tcpSocket: { port: 'web' }, ...often },
    readinessProbe: { httpGet: { path: '/ready', port: 'web' }, ...often },
    livenessProbe: { grpc: { port: 8081 }, ...often },
    lifecycle: { preStop: { httpGet: { path: '/leave', port: 'web' } } },
  };
  return [deployment({ name: 'probed', script: PROBED, container })];
}

function edge(): readonly object[] {
  const pod = { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' };
  return [
    deployment({ name: 'edge', script: ECHO, env: { PORTS: '18080' }, pod }),
    service('edge', { selector: { app: 'edge' }, ports: [{ name: 'http', port: 80, targetPort: 18_080 }] }),
  ];
}

function available(cluster: Cluster, ...namespaces: readonly string[]): void {
  for (const namespace of namespaces)
    cluster.kubectl(['-n', namespace, 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
}

/** What a program in the pod's application prints. */
function inPod(cluster: Cluster, namespace: string, pod: string, script: string): string {
  const exec = ['-n', namespace, 'exec', pod, '-c', 'app', '--', '/usr/local/bin/node', '-e', script];
  return cluster.try(exec).text.trim();
}

interface Echo {
  readonly pod: string;
  readonly port: string;
  readonly mtls: boolean;
}

/** Undefined: no answer of such an application. */
function echoOf(cluster: Cluster, namespace: string, pod: string, url: string): Echo | undefined {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(5000) }).then((r) => r.text()).then(console.log, () => {})`;
  try {
    return JSON.parse(inPod(cluster, namespace, pod, script)) as Echo;
  } catch {
    return undefined;
  }
}

async function services(cluster: Cluster, step: Step): Promise<void> {
  const from = (namespace: string, url: string): Echo | undefined => echoOf(cluster, namespace, 'deploy/caller', url);
  await step('a named target port is each pod’s own, and leads nowhere where a pod lacks it', async () => {
    const seen = new Set<string>();
    await until('both pods', 45, () => {
      const { port = '', mtls = false } = from('mesh', 'http://web/') ?? {};
      if (mtls) seen.add(port);
      return seen.has('8080') && seen.has('8081');
    });
    for (let i = 0; i < 6; i++) assert.equal(from('mesh', 'http://web:81/')?.port, '9090');
  });
  await step('another name of the service, in another namespace, is the service: mTLS', async () => {
    for (const name of ['web', 'web.other', 'web.other.svc.cluster.local'])
      await until(name, 45, () => from('other', `http://${name}/`)?.mtls === true);
  });
  await step('pods of a StatefulSet reach one another by name, over HTTP and TCP, STRICT', async () => {
    for (const [one, two] of [
      ['peers-0', 'peers-1'],
      ['peers-1', 'peers-0'],
    ] as const) {
      for (const name of [`${two}.peers`, `${two}.peers.mesh.svc.cluster.local`])
        await until(`${one} to reach ${name}`, 45, () => {
          const echo = echoOf(cluster, 'mesh', one, `http://${name}:8080/`);
          return echo?.pod === two && echo.mtls;
        });
      const tcp = `require('node:net').connect(9000, '${two}.peers').on('data', (d) => console.log(String(d))).on('error', () => {})`;
      await until(`${one} to reach ${two} by TCP`, 45, () => inPod(cluster, 'mesh', one, tcp) === two);
    }
    await until('the service', 45, () => from('mesh', 'http://peers:8080/')?.mtls === true);
  });
}

async function probesAndHooks(cluster: Cluster, step: Step): Promise<void> {
  await step('probes of every kind pass, and the hook of a pod that goes is called', async () => {
    const pods = ['-n', 'mesh', 'get', 'pods', '-l', 'app=probed', '-o'];
    const restarts = 'jsonpath={.items[*].status.containerStatuses[*].restartCount}';
    assert.equal(cluster.kubectl([...pods, restarts]), '0');
    cluster.kubectl(['-n', 'mesh', 'delete', 'pod', '-l', 'app=probed', '--timeout=600s']);
    const notes = `fetch('http://127.0.0.1:8080/all').then((r) => r.text()).then(console.log)`;
    await until('its note', 45, () => inPod(cluster, 'mesh', 'deploy/notes', notes).includes('/left'));
  });
}

/** Before the application, and at its very first act, the proxy is there. */
async function beginnings(cluster: Cluster, step: Step): Promise<void> {
  const finished = (name: string): boolean =>
    cluster.try(['-n', 'mesh', 'get', 'job', name, '-o', 'jsonpath={.status.succeeded}']).text === '1';
  await step('a Job whose init container calls the mesh ends, without a token of the API server', async () => {
    const initContainers = [{ name: 'before', image: IMAGE, args: ['-e', ONCE] }];
    const pod = { restartPolicy: 'Never', automountServiceAccountToken: false, initContainers };
    const spec = { backoffLimit: 0, template: template({ name: 'once', script: ONCE, pod }) };
    applyAll(cluster, 'mesh', [{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec }]);
    await until('the Job', 120, () => finished('once'));
  });
  await step('applications that call at once never fail: native, and held before an ordinary one', () => {
    const held = {
      'sidecar.istio.io/nativeSidecar': 'false',
      'proxy.istio.io/config': 'holdApplicationUntilProxyStarts: true',
    };
    applyAll(cluster, 'mesh', [
      deployment({ name: 'eager', script: EAGER }),
      deployment({ name: 'eager-held', script: EAGER, annotations: held }),
    ]);
    available(cluster, 'mesh');
    for (const name of ['eager', 'eager-held']) {
      const query = ['-n', 'mesh', 'get', 'pods', '-l', `app=${name}`, '-o'];
      const counts = 'jsonpath={.items[*].status.containerStatuses[*].restartCount}';
      assert.match(cluster.kubectl([...query, counts]), /^0( 0)?$/, name);
    }
  });
}

async function hostNetwork(cluster: Cluster, step: Step): Promise<void> {
  await step(
    'a pod on the node’s network has no proxy: it is reached in plaintext, and reaches nobody who is STRICT',
    async () => {
      const names = 'jsonpath={.items[0].spec.initContainers[*].name} {.items[0].spec.containers[*].name}';
      assert.equal(cluster.kubectl(['-n', 'mesh', 'get', 'pods', '-l', 'app=edge', '-o', names]).trim(), 'app');
      await until('its answer', 45, () => echoOf(cluster, 'mesh', 'deploy/caller', 'http://edge/')?.mtls === false);
      assert.equal(echoOf(cluster, 'mesh', 'deploy/edge', 'http://edge.mesh.svc.cluster.local/')?.mtls, false);
      assert.equal(echoOf(cluster, 'mesh', 'deploy/edge', 'http://web.mesh.svc.cluster.local/'), undefined);
    },
  );
}

/** Nothing there could ask for a certificate, whatever is written for its namespace. */
async function withoutProxy(cluster: Cluster, step: Step): Promise<void> {
  await step('STRICT for the whole mesh: namespaces outside of it, and the API server, are still reached', async () => {
    applyAll(cluster, 'istio-system', [strict()]);
    cluster.kubectl(['create', 'namespace', 'outside']);
    applyAll(cluster, 'outside', [
      deployment({ name: 'plain', script: ECHO, env: { PORTS: '8080' } }),
      service('plain', { selector: { app: 'plain' }, ports: [{ name: 'http', port: 8080 }] }),
    ]);
    available(cluster, 'outside');
    const plain = 'http://plain.outside:8080/';
    await until('a namespace outside', 45, () => echoOf(cluster, 'mesh', 'deploy/caller', plain)?.mtls === false);
    const version = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      fetch('https://kubernetes.default.svc/version', { signal: AbortSignal.timeout(5000) }).then((r) => console.log('answered', r.status), () => {})`;
    await until('the API server', 45, () => /answered \d{3}/.test(inPod(cluster, 'mesh', 'deploy/caller', version)));
    // And the mesh demands it of whoever comes from there.
    assert.equal(echoOf(cluster, 'outside', 'deploy/plain', 'http://web.mesh/'), undefined);
    cluster.kubectl(['-n', 'istio-system', 'delete', 'peerauthentication', 'default']);
  });
}

async function tags(cluster: Cluster, step: Step): Promise<void> {
  const revision = (): string =>
    cluster.kubectl([
      ...['-n', 'tagged', 'get', 'pods', '-l', 'app=caller', '--field-selector=status.phase=Running', '-o'],
      'jsonpath={.items[*].metadata.annotations.istio\\.io/rev}',
    ]);
  const asked = (): boolean => echoOf(cluster, 'tagged', 'deploy/caller', 'http://web.mesh/')?.mtls === true;
  await step('a namespace chooses by a tag, and moves with it', async () => {
    mustTopsail(cluster, ['tag', 'set', 'prod', '--revision', 'default']);
    cluster.kubectl(['create', 'namespace', 'tagged']);
    cluster.kubectl(['label', 'namespace', 'tagged', 'istio.io/rev=prod']);
    applyAll(cluster, 'tagged', app({ name: 'caller', image: IMAGE, script: IDLE }));
    available(cluster, 'tagged');
    assert.equal(revision(), 'default');
    await until('an answer', 45, asked);
    mustTopsail(cluster, ['install', '--revision', 'next', ...SMALL, ...READY]);
    mustTopsail(cluster, ['tag', 'set', 'prod', '--revision', 'next', '--overwrite']);
    cluster.kubectl(['-n', 'tagged', 'rollout', 'restart', 'deploy/caller']);
    cluster.kubectl(['-n', 'tagged', 'rollout', 'status', 'deploy/caller', '--timeout=600s']);
    await until('the other revision', 60, () => revision() === 'next');
    await until('an answer of it', 45, asked);
  });
}
