// The mesh that every scenario starts from: services, workloads, one client, one server and one gateway with a proxy each.
import type { Backends } from './backends.ts';

/** Declared ports of the gateway. */
export const GATEWAY_PORTS = [80, 8080, 443, 8443, 9443, 9000, 9001, 15_443] as const;
/** Declared ports of the server workload. */
export const SERVER_PORTS = { http: 8000, tcp: 9000, grpc: 7000 } as const;

export interface Places {
  readonly backends: Backends;
  /** Declared port of the server -> where its sidecar is bound. */
  readonly server: Readonly<Record<number, number>>;
}

export function fixture({ backends, server }: Places): string {
  const bound = Object.entries(server)
    .map(([declared, at]) => `${declared}:${at}`)
    .join(',');
  return [
    service('web', '{ name: http, port: 8000 }, { name: http-alt, port: 8001 }'),
    service('api', '{ name: http, port: 8000 }'),
    service('rpc', '{ name: grpc, port: 7000 }'),
    service('db', '{ name: tcp, port: 9000 }'),
    service('secure', '{ name: https, port: 443 }'),
    service('server', '{ name: http, port: 8000 }, { name: tcp, port: 9000 }, { name: grpc, port: 7000 }'),
    ...['v1', 'v2', 'v3'].map((v) =>
      workload(
        `web-${v}`,
        { app: 'web', version: v },
        { http: backends.port(`web-${v}`), 'http-alt': backends.port(`web-${v}`) },
      ),
    ),
    ...['v1', 'v2'].map((v) => workload(`api-${v}`, { app: 'api', version: v }, { http: backends.port(`api-${v}`) })),
    workload('rpc-v1', { app: 'rpc', version: 'v1' }, { grpc: backends.port('api-v1') }),
    ...['v1', 'v2'].map((v) => workload(`db-${v}`, { app: 'db', version: v }, { tcp: backends.port(`db-${v}`) })),
    workload('secure-1', { app: 'secure' }, { https: backends.port('secure') }),
    `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: server-1, namespace: default, annotations: { topsail.io/bound-ports: '${bound}' } }
spec: { address: 127.0.0.1, serviceAccount: server, labels: { app: server, version: v1 } }
`,
  ].join('---\n');
}

function service(name: string, ports: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default, labels: { app: ${name} } }
spec: { selector: { app: ${name} }, ports: [${ports}] }
`;
}

function workload(name: string, labels: Record<string, string>, ports: Record<string, number>): string {
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: default }
spec: { address: 127.0.0.1, labels: ${JSON.stringify(labels)}, ports: ${JSON.stringify(ports)} }
`;
}

export function meshConfig(extra = ''): string {
  return `apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
accessLogFile: /dev/stdout
accessLogEncoding: JSON
${extra}`;
}
