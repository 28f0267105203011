// The bookshop as Kubernetes manifests: service accounts, Services and a Deployment per version, as a user would write them.
interface Workload {
  readonly service: string;
  readonly version: string;
}

const WORKLOADS: readonly Workload[] = [
  { service: 'details', version: 'v1' },
  { service: 'ratings', version: 'v1' },
  { service: 'reviews', version: 'v1' },
  { service: 'reviews', version: 'v2' },
  { service: 'reviews', version: 'v3' },
  { service: 'productpage', version: 'v1' },
];

export function bookshop(image: string): string {
  const objects: unknown[] = [];
  for (const name of new Set(WORKLOADS.map(({ service }) => service))) {
    objects.push(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, labels: { app: name } },
        spec: { selector: { app: name }, ports: [{ name: 'http', port: 9080 }] },
      },
    );
  }
  for (const { service, version } of WORKLOADS) {
    const labels = { app: service, version };
    objects.push({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: `${service}-${version}`, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: service,
            containers: [
              {
                name: service,
                image,
                imagePullPolicy: 'IfNotPresent',
                args: [`/opt/topsail/examples/bookshop/src/${service}.ts`],
                env: [
                  { name: 'HOST', value: '0.0.0.0' },
                  { name: 'SERVICE_VERSION', value: version },
                ],
                ports: [{ name: 'http', containerPort: 9080 }],
                // It stops listening at SIGTERM: peers need a moment to forget it.
                lifecycle: { preStop: { sleep: { seconds: 2 } } },
                readinessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 1, timeoutSeconds: 5 },
                resources: { requests: { cpu: '10m', memory: '40Mi' } },
              },
            ],
          },
        },
      },
    });
  }
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

/** A backend on 8080, a frontend and a stranger that may call it: each with its own service account. */
export function callers(image: string): string {
  const labels = { test: 'callers' };
  const server = "require('node:http').createServer((q, r) => r.end('ok')).listen(8080, '0.0.0.0')";
  const objects: unknown[] = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'backend', labels },
      spec: { selector: { app: 'backend' }, ports: [{ name: 'http', port: 8080 }] },
    },
  ];
  for (const [name, script] of [
    ['backend', server],
    ['frontend', 'setInterval(() => {}, 1000)'],
    ['stranger', 'setInterval(() => {}, 1000)'],
  ] as const) {
    const container = {
      name: 'app',
      image,
      args: ['-e', script],
      resources: { requests: { cpu: '10m', memory: '40Mi' } },
    };
    objects.push(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, labels } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, labels },
        spec: {
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels: { app: name } },
            spec: { serviceAccountName: name, terminationGracePeriodSeconds: 2, containers: [container] },
          },
        },
      },
    );
  }
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}
