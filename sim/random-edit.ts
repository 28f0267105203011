// Configuration edits for the simulator: each file is one object that comes, changes and goes in any order; none of
// them asks for a request to fail.
import type { Random } from '#base';

export interface Edit {
  readonly file: string;
  readonly text: string | undefined;
  readonly what: string;
}

export const BASE = ['a', 'b', 'c']
  .map(
    (app, i) => `apiVersion: v1
kind: Service
metadata: { name: ${app}, namespace: default }
spec:
  clusterIP: 10.96.0.${i + 1}
  selector: { app: ${app} }
  ports: [{ name: http, port: 9080 }]
`,
  )
  .join('---\n');

export const VIP: Readonly<Record<string, string>> = { a: '10.96.0.1', b: '10.96.0.2', c: '10.96.0.3' };

const SUBSETS = `  subsets:
  - { name: v1, labels: { version: v1 } }
  - { name: v2, labels: { version: v2 } }
`;

export function randomEdit(random: Random): Edit {
  const below = (n: number): number => random.uint32() % n;
  const host = below(2) === 0 ? 'a' : 'b';
  const gone = below(5) === 0;
  switch (below(5)) {
    case 0: {
      const weight = below(101);
      return edit(`route-${host}`, gone ? undefined : route(host, weight, below(3)), `${weight} to v2`);
    }
    case 1:
      return edit(`rule-${host}`, gone ? undefined : rule(host, below(4)), 'subsets and policy');
    case 2: {
      const mode = ['STRICT', 'PERMISSIVE'][below(2)] as string;
      return edit('mtls', gone ? undefined : mtls(mode), gone ? '' : mode);
    }
    case 3:
      return edit(`allow-${host}`, gone ? undefined : allow(host, below(3)), 'who may');
    default:
      return edit('scope', gone ? undefined : scope(below(2)), 'what is seen');
  }
}

function edit(file: string, text: string | undefined, what: string): Edit {
  return { file: `${file}.yaml`, text, what: `${file} ${text === undefined ? 'removed' : what}` };
}

function route(host: string, weight: number, shape: number): string {
  const split = `  - route:
    - { destination: { host: ${host}, subset: v1 }, weight: ${100 - weight} }
    - { destination: { host: ${host}, subset: v2 }, weight: ${weight} }
`;
  const first =
    shape === 0
      ? ''
      : `  - match: [{ ${shape === 1 ? 'headers: { x-test: { exact: "1" } }' : 'uri: { prefix: /nobody/ }'} }]
    timeout: 15s
    route: [{ destination: { host: ${host}, subset: v2 } }]
`;
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host} }
spec:
  hosts: [${host}]
  http:
${first}${split}`;
}

function rule(host: string, shape: number): string {
  const policy = [
    '',
    '  trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 3 } } }\n',
    '  trafficPolicy: { loadBalancer: { simple: RANDOM } }\n',
    '  trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x-user } } }\n',
  ][shape];
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host} }
spec:
  host: ${host}
${policy}${SUBSETS}`;
}

function mtls(mode: string): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: ${mode} } }
`;
}

function allow(host: string, shape: number): string {
  const source = [
    'principals: [cluster.local/ns/default/sa/c]',
    'namespaces: [default]',
    'notPrincipals: [cluster.local/ns/default/sa/nobody]',
  ][shape];
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${host}, namespace: default }
spec:
  selector: { matchLabels: { app: ${host} } }
  action: ALLOW
  rules: [{ from: [{ source: { ${source} } }] }]
`;
}

function scope(shape: number): string {
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec: { egress: [{ hosts: [${shape === 0 ? '"./*"' : '"default/*", "istio-system/*"'}] }] }
`;
}
