// What a Sidecar says of the ports it takes in and of those it leads out of, listener by listener.
import type { Call, Feature, Scenario } from './scenario.ts';
import { as, FRIEND, OK, plain, policy, SELECT } from './server-calls.ts';

const NAME = 'server.example.com';
const FILES = `serverCertificate: "\${file:cert:${NAME}}", privateKey: "\${file:key:${NAME}}"`;
const OPEN = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');
const sidecar = (spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: s, namespace: default }\nspec: ${spec}\n---\n`;
const ofServer = (ingress: string, more = ''): string =>
  sidecar(`{ workloadSelector: { labels: { app: server } }, ingress: [${ingress}]${more} }`);
const ofClient = (egress: string): string =>
  sidecar(`{ workloadSelector: { labels: { app: client } }, egress: [${egress}] }`);
const HTTP = 'port: { number: 8000, protocol: HTTP, name: http }';
const slow: Call = plain({ headers: { 'x-delay': '900' } });
const REGISTRY_ONLY = 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }';

function inbound(name: string, fields: string, config: string, ...steps: Scenario['steps']): Scenario {
  const proves = fields.split(' ').map((field) => `Sidecar.${field}`);
  return { name: `Sidecar: ${name}`, proves, config: OPEN + config, steps };
}

const PORTS: Feature = [
  inbound(
    'the protocol of an ingress port',
    'ingress.port.number ingress.port.protocol',
    ofServer('{ port: { number: 8000, protocol: TCP, name: bytes } }'),
    // As bytes it goes on: nothing is added to the request.
    { call: plain(), expect: { ...OK, upstream: { 'x-request-id': null, 'x-forwarded-proto': null } } },
  ),
  inbound(
    'the protocol of another ingress port',
    'ingress.port.number',
    ofServer('{ port: { number: 9000, protocol: TCP, name: bytes } }'),
    { call: plain(), expect: { ...OK, upstream: { 'x-forwarded-proto': 'http' } } },
  ),
  inbound(
    'where the application is',
    'ingress.defaultEndpoint',
    ofServer(`{ ${HTTP}, defaultEndpoint: "127.0.0.1:\${port:ext}" }`),
    { call: plain(), expect: { status: 200, backend: 'ext' } },
  ),
  inbound(
    'the pool of one ingress port',
    'ingress.connectionPool.http ingress.connectionPool.tcp',
    ofServer(`{ ${HTTP}, connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }`),
    { call: slow, times: 5, together: 5, spread: { '200': [1, 3], '503': [2, 4] } },
  ),
  inbound(
    'the pool of every port',
    'inboundConnectionPool.http inboundConnectionPool.tcp',
    sidecar(
      `{ workloadSelector: { labels: { app: server } }, inboundConnectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }`,
    ),
    { call: slow, times: 5, together: 5, spread: { '200': [1, 3], '503': [2, 4] } },
  ),
];

const secure = (tls: Call['tls'] = {}): Call => ({ via: 'server', tls: { sni: NAME, alpn: ['http/1.1'], ...tls } });
const REFUSED = { refused: true } as const;
const jane = { identity: 'jane.example.com' } as const;
const SUITES = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256'] as const;

function tls(name: string, fields: string, settings: string, ...steps: Scenario['steps']): Scenario {
  const proves = fields.split(' ').map((field) => `Sidecar.ingress.tls.${field}`);
  const config =
    policy('m', 'PeerAuthentication', `{ ${SELECT}, mtls: { mode: DISABLE } }`) +
    ofServer(`{ ${HTTP}, tls: { ${settings} } }`);
  return { name: `Sidecar: tls: ${name}`, proves, config, steps };
}

const TLS: Feature = [
  tls(
    'a list of pairs',
    'tlsCertificates',
    `mode: MUTUAL, tlsCertificates: [{ ${FILES}, caCertificates: "\${file:roots}" }], caCertificates: "\${file:roots}"`,
    { call: secure(jane), expect: { ...OK, certificate: `DNS:${NAME}` } },
    { call: secure({ ...jane, stranger: true }), expect: REFUSED },
  ),
  tls(
    'only the certificate of this key, and no TLS 1.3',
    'verifyCertificateSpki maxProtocolVersion',
    `mode: MUTUAL, ${FILES}, caCertificates: "\${file:roots}", verifyCertificateSpki: ["\${spki:jane.example.com}"], maxProtocolVersion: TLSV1_2`,
    { call: secure(jane), expect: OK },
    { call: secure({ identity: 'bob.example.com' }), expect: REFUSED },
    { call: secure({ ...jane, minVersion: 'TLSv1.3' }), expect: REFUSED },
  ),
  tls(
    'suites and curves',
    'cipherSuites ecdhCurves',
    `mode: SIMPLE, ${FILES}, cipherSuites: [${SUITES[0]}], ecdhCurves: [P-384]`,
    { call: secure({ maxVersion: 'TLSv1.2', ciphers: SUITES[0] }), expect: OK },
    { call: secure({ maxVersion: 'TLSv1.2', ciphers: SUITES[1] }), expect: REFUSED },
    { call: secure({ curve: 'P-384' }), expect: OK },
    { call: secure({ curve: 'P-256' }), expect: REFUSED },
  ),
];

const forward = (to: string): Call => ({ via: 'forward', to });
const EGRESS: Feature = [
  {
    name: 'Sidecar: hosts of one port',
    proves: ['Sidecar.egress.port.number'],
    config: ofClient(
      '{ port: { number: 8001, protocol: HTTP, name: alt }, hosts: ["./web.default.svc.cluster.local"] }, { hosts: ["./api.default.svc.cluster.local"] }',
    ),
    mesh: REGISTRY_ONLY,
    steps: [
      { call: forward('web.default:8001'), expect: { status: 200 } },
      { call: forward('web.default:8000'), expect: { status: 502, arrivals: 0 } },
      { call: forward('api.default:8000'), expect: { status: 200 } },
    ],
  },
  {
    name: 'Sidecar: a listener of HTTP with an address of its own',
    proves: ['Sidecar.egress.bind', 'Sidecar.egress.port.protocol'],
    config: ofClient(
      '{ port: { number: 8001, protocol: HTTP, name: alt }, bind: 127.0.7.1, hosts: ["./web.default.svc.cluster.local"] }, { hosts: ["./*"] }',
    ),
    steps: [
      { call: { to: 'web.default:8001', at: '127.0.7.1' }, expect: { status: 200 } },
      { call: { to: 'other.default:8001', at: '127.0.7.1' }, expect: { status: 502, arrivals: 0 } },
    ],
  },
  {
    name: 'Sidecar: a listener of bytes with an address of its own',
    proves: ['Sidecar.egress.bind', 'Sidecar.egress.port.protocol'],
    config: ofClient(
      '{ port: { number: 9000, protocol: TCP, name: bytes }, bind: 127.0.7.2, hosts: ["./db.default.svc.cluster.local"] }, { hosts: ["./*"] }',
    ),
    steps: [{ call: { to: 'db:9000', at: '127.0.7.2', tcp: 'hello' }, times: 2, expect: { body: /^db-v[12]:hello$/ } }],
  },
];

const PEERS: Feature = [
  inbound(
    'an ingress listener leaves mutual TLS as it is',
    'ingress.port',
    ofServer(`{ ${HTTP} }`),
    { call: as(FRIEND), expect: OK },
    { call: plain(), expect: OK },
  ),
];

export const feature: Feature = [...PORTS, ...TLS, ...EGRESS, ...PEERS];
