// A random valid edit of one kind, which asks neither for a failed request nor for a closed connection.
import { demoCertificateSecret } from '../../src/main/demo-certificate.ts';

/** A number from 0 to n-1. */
export type Roll = (n: number) => number;

export interface Edit {
  readonly what: string;
  readonly text?: string;
  readonly remove?: readonly (readonly [kind: string, name: string, namespace?: string])[];
}

type Make = (roll: Roll) => Edit;

const pick = <T>(roll: Roll, all: readonly T[]): T => all[roll(all.length)] as T;

function object(apiVersion: string, kind: string, name: string, spec: string, namespace = 'default'): Edit {
  const text = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n${spec.replace(/^(?=.)/gm, '  ')}\n`;
  return { what: `${kind}/${name} ${spec.replaceAll(/\s+/g, ' ')}`, text };
}

const net = 'networking.istio.io/v1';
const security = 'security.istio.io/v1';

const virtualService: Make = (roll) => {
  const service = pick(roll, ['reviews', 'backend']);
  const weight = roll(101);
  const extras = pick(roll, [
    '',
    '  timeout: 10s\n',
    '  retries: { attempts: 3, perTryTimeout: 5s, retryOn: "connect-failure,refused-stream" }\n',
    '  headers: { request: { set: { x-storm: "yes" } } }\n',
    '  corsPolicy: { allowOrigins: [{ exact: "https://a.example" }] }\n',
    '  mirror: { host: ratings, subset: v1 }\n  mirrorPercentage: { value: 10 }\n',
    '  rewrite: { uri: /rewritten }\n',
  ]);
  const split = `- route:\n  - { destination: { host: ${service}, subset: v1 }, weight: ${weight} }\n  - { destination: { host: ${service}, subset: v2 }, weight: ${100 - weight} }\n${extras}`;
  const jason = pick(roll, [
    '',
    `- match: [{ headers: { end-user: { exact: jason } } }]\n  route: [{ destination: { host: ${service}, subset: v2 } }]\n`,
  ]);
  return object(net, 'VirtualService', `storm-${service}`, `hosts: [${service}]\nhttp:\n${jason}${split}`);
};

const destinationRule: Make = (roll) => {
  const service = pick(roll, ['reviews', 'ratings', 'backend']);
  const policy = pick(roll, [
    'loadBalancer: { simple: ROUND_ROBIN }',
    'loadBalancer: { simple: LEAST_REQUEST }',
    'loadBalancer: { simple: RANDOM }',
    'loadBalancer: { consistentHash: { httpHeaderName: x-user } }',
    'connectionPool: { tcp: { maxConnections: 500 }, http: { http1MaxPendingRequests: 500, maxRequestsPerConnection: 50 } }',
    'connectionPool: { http: { maxRequestsPerConnection: 1 } }',
    'outlierDetection: { consecutive5xxErrors: 5, interval: 5s, baseEjectionTime: 5s }',
    'tls: { mode: ISTIO_MUTUAL }',
    'connectionPool: { tcp: { connectTimeout: 3s, tcpKeepalive: { time: 60s } } }',
  ]);
  return object(net, 'DestinationRule', `storm-${service}`, `host: ${service}\ntrafficPolicy:\n  ${policy}\n`);
};

const peerAuthentication: Make = (roll) => {
  const service = pick(roll, ['', 'reviews', 'backend']);
  const selector = service === '' ? '' : `selector: { matchLabels: { app: ${service} } }\n`;
  return object(
    security,
    'PeerAuthentication',
    service === '' ? 'storm' : `storm-${service}`,
    `${selector}mtls: { mode: ${pick(roll, ['STRICT', 'PERMISSIVE'])} }\n`,
  );
};

const authorizationPolicy: Make = (roll) => {
  const rule = pick(roll, [
    'from: [{ source: { principals: ["cluster.local/ns/default/sa/frontend", "cluster.local/ns/default/sa/other"] } }]',
    'to: [{ operation: { methods: [GET], paths: ["/api/*", "/ws", "/rewritten*"] } }]',
    'from: [{ source: { namespaces: [default] } }]',
    'to: [{ operation: { ports: ["9080"] } }]',
  ]);
  return object(
    security,
    'AuthorizationPolicy',
    'storm',
    `selector: { matchLabels: { app: backend } }\naction: ALLOW\nrules: [{ ${rule} }]\n`,
  );
};

const deny: Make = (roll) =>
  object(
    security,
    'AuthorizationPolicy',
    'storm-deny',
    `action: DENY\nrules: [{ to: [{ operation: { paths: ["/forbidden-${roll(5)}"] } }] }]\n`,
  );

const serviceEntry: Make = (roll) =>
  object(
    net,
    'ServiceEntry',
    'storm',
    `hosts: [out-${roll(3)}.example.com]\nlocation: MESH_EXTERNAL\nresolution: STATIC\nports: [{ number: ${8000 + roll(3)}, name: http, protocol: HTTP }]\nendpoints: [{ address: 127.0.0.${2 + roll(9)} }]\n`,
  );

const workloadEntry: Make = (roll) =>
  object(
    net,
    'WorkloadEntry',
    'storm',
    `address: 127.0.0.${20 + roll(9)}\nlabels: { app: storm-entry }\nserviceAccount: storm\n`,
  );

const workloadGroup: Make = (roll) =>
  object(
    net,
    'WorkloadGroup',
    'storm',
    `metadata: { labels: { app: storm-group-${roll(3)} } }\ntemplate: { serviceAccount: storm }\n`,
  );

const sidecar: Make = (roll) =>
  object(
    net,
    'Sidecar',
    'storm',
    `workloadSelector: { labels: { app: ${pick(roll, ['ratings', 'frontend'])} } }\negress: [{ hosts: [${pick(roll, ['"./*", "istio-system/*"', '"*/*"', '"./*"'])}] }]\n`,
  );

const gateway: Make = (roll) => {
  const secure =
    '- port: { number: 443, name: https, protocol: HTTPS }\n  tls: { mode: SIMPLE, credentialName: tls-cert }\n  hosts: ["*.yourdomain.com"]\n';
  const clear = `- port: { number: 80, name: http, protocol: HTTP }\n  hosts: ["${pick(roll, ['*', 'www.yourdomain.com'])}"]\n`;
  return object(
    net,
    'Gateway',
    'storm',
    `selector: { istio: ingressgateway }\nservers:\n${clear}${roll(2) === 0 ? secure : ''}`,
  );
};

const service: Make = (roll) => ({
  what: 'Service/storm',
  text: `apiVersion: v1\nkind: Service\nmetadata: { name: storm, namespace: default }\nspec:\n  selector: { app: ${pick(roll, ['storm-entry', 'ratings', 'nobody'])} }\n  ports: [{ name: http, port: ${9100 + roll(3)}, targetPort: 9080 }]\n`,
});

const secret: Make = () => ({
  what: 'Secret/tls-cert',
  text: demoCertificateSecret('tls-cert', 'istio-system', ['www.yourdomain.com'], Date.now()),
});

const meshConfig: Make = (roll) => ({
  what: 'ConfigMap/istio',
  text: `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata:\n  mesh: |\n    accessLogFile: /dev/stdout\n    accessLogEncoding: ${pick(roll, ['JSON', 'TEXT'])}\n    outboundTrafficPolicy: { mode: ${pick(roll, ['REGISTRY_ONLY', 'ALLOW_ANY'])} }\n`,
});

const namespace: Make = (roll) => ({
  what: 'Namespace/default',
  text: `apiVersion: v1\nkind: Namespace\nmetadata: { name: default, labels: { storm: "${roll(3)}" } }\n`,
});

const removal: Make = (roll) => {
  const one = pick(roll, [
    ['VirtualService', 'storm-reviews'],
    ['VirtualService', 'storm-backend'],
    ['DestinationRule', 'storm-reviews'],
    ['DestinationRule', 'storm-ratings'],
    ['DestinationRule', 'storm-backend'],
    ['PeerAuthentication', 'storm'],
    ['PeerAuthentication', 'storm-reviews'],
    ['AuthorizationPolicy', 'storm'],
    ['AuthorizationPolicy', 'storm-deny'],
    ['ServiceEntry', 'storm'],
    ['WorkloadEntry', 'storm'],
    ['Sidecar', 'storm'],
    ['Gateway', 'storm'],
    ['Service', 'storm'],
  ] as const);
  return { what: `delete ${one.join('/')}`, remove: [one] };
};

const MAKERS: readonly Make[] = [
  virtualService,
  virtualService,
  destinationRule,
  destinationRule,
  peerAuthentication,
  authorizationPolicy,
  deny,
  serviceEntry,
  workloadEntry,
  workloadGroup,
  sidecar,
  gateway,
  service,
  secret,
  meshConfig,
  namespace,
  removal,
  removal,
];

/** Kinds whose edits an Envoy can take up only in its listeners and their chains, whose connections then drain (docs/envoy.md). */
const CHAIN_KINDS = /^(delete )?(PeerAuthentication|Sidecar|Gateway|Service|ConfigMap)\//;

export function touchesChains({ what }: Edit): boolean {
  return CHAIN_KINDS.test(what);
}

export function randomEdit(roll: Roll): Edit {
  return pick(roll, MAKERS)(roll);
}
