// Small programs as Deployments: a server that says who it is, and a client that calls without pause and counts what went wrong.
import type { Cluster } from './cluster.ts';

/**
 * At SIGTERM it takes no more connections, says so on those that are there, and ends 5 s later: until then its
 * callers have heard of it on a busy machine too. Closing them at once
 * would leave a POST that is on its way neither answered nor refused, and nobody may repeat that one.
 */
const SERVER = `
let ending = false;
const server = require('node:http').createServer((q, r) => {
  if (ending) r.setHeader('connection', 'close');
  setTimeout(() => r.end(process.env.HOSTNAME), 20);
});
server.listen(8080, '0.0.0.0');
process.on('SIGTERM', () => {
  ending = true;
  server.closeIdleConnections = () => {};
  server.close();
  setTimeout(() => process.exit(0), 5000);
});`;

/** GET and POST: the second may not be repeated unless nobody has seen it. */
const CLIENT = `
const http = require('node:http');
let count = 0, failures = [];
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const call = (method) => new Promise((done) => {
  const request = http.request(process.env.TARGET, { method, agent, timeout: 10000 }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => { text += chunk; });
    answer.on('end', () => { count++; if (answer.statusCode !== 200) failures.push(method + ' ' + answer.statusCode + ' ' + text.slice(0, 120)); done(); });
    answer.on('error', (error) => { failures.push(method + ' ' + error.code); done(); });
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error) => { failures.push(method + ' ' + (error.code ?? error.message)); done(); });
  request.end();
});
const work = async (method) => { for (;;) { await call(method); await new Promise((f) => setTimeout(f, 20)); } };
work('GET'); work('GET'); work('POST'); work('POST');
http.createServer((q, r) => { r.end(JSON.stringify({ count, failures: failures.slice(0, 20), failed: failures.length })); if (q.url === '/reset') { count = 0; failures = []; } }).listen(9999, '127.0.0.1');`;

export interface AppOptions {
  readonly name: string;
  readonly image: string;
  readonly replicas?: number;
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name: string; readonly port: number }[];
}

export function app(options: AppOptions): readonly object[] {
  const { name, image, replicas = 1, script = SERVER, env = {}, node, annotations = {}, ports } = options;
  const labels = { app: name };
  const container = {
    name: 'app',
    image,
    args: ['-e', script],
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    resources: { requests: { cpu: '10m', memory: '40Mi' } },
    ...(script === SERVER
      ? { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 } }
      : {}),
  };
  const spec = {
    serviceAccountName: name,
    terminationGracePeriodSeconds: 30,
    containers: [container],
    ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: labels, ports: ports ?? [{ name: 'http', port: 8080 }] },
    },
  ];
}

/** Calls `target` about a hundred times a second. */
export function loader(options: Omit<AppOptions, 'script' | 'env'> & { readonly target: string }): readonly object[] {
  return app({ ...options, script: CLIENT, env: { TARGET: options.target } });
}

export function applyAll(cluster: Cluster, namespace: string, objects: readonly object[]): void {
  cluster.kubectl(
    ['-n', namespace, 'apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  );
}

export interface Load {
  readonly count: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

/** What the loader counted since the last time; begins anew. */
export function takeLoad(cluster: Cluster, namespace: string, name: string): Load {
  const script = "fetch('http://127.0.0.1:9999/reset').then((r) => r.text()).then(console.log)";
  return JSON.parse(
    cluster.kubectl([
      '-n',
      namespace,
      'exec',
      `deploy/${name}`,
      '-c',
      'app',
      '--',
      '/usr/local/bin/node',
      '-e',
      script,
    ]),
  ) as Load;
}

/** A namespace in which plaintext is refused. */
export function strict(): object {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default' },
    spec: { mtls: { mode: 'STRICT' } },
  };
}

/** A route that only a proxy can answer: what shows that it was asked. */
export function teapot(host: string): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: host },
    spec: {
      hosts: [host],
      http: [
        { match: [{ uri: { prefix: '/teapot' } }], directResponse: { status: 418 } },
        { route: [{ destination: { host } }] },
      ],
    },
  };
}
