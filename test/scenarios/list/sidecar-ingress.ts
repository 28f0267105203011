// TLS that a Sidecar's ingress ends with the workload's own files, where the mesh's is off; where it is not, that alone is taken.
import type { Call, Feature, Scenario } from './scenario.ts';
import { as, FRIEND, OK, plain, policy, SELECT } from './server-calls.ts';

const NAME = 'server.example.com';
const FILES = `serverCertificate: "\${file:cert:${NAME}}", privateKey: "\${file:key:${NAME}}"`;
const CLIENTS = 'caCertificates: "${file:roots}"';
const secure = (tls: Call['tls'] = {}): Call => ({ via: 'server', tls: { sni: NAME, alpn: ['http/1.1'], ...tls } });
const REFUSED = { refused: true } as const;

function scenario(name: string, fields: string, mode: string, tls: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `ingress tls ${name}`,
    proves: fields.split(' ').map((field) => `Sidecar.ingress.tls${field === '.' ? '' : `.${field}`}`),
    config:
      policy('m', 'PeerAuthentication', `{ ${SELECT}, mtls: { mode: ${mode} } }`) +
      `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: server, namespace: default }
spec:
  workloadSelector: { labels: { app: server } }
  ingress: [{ port: { number: 8000, protocol: HTTP, name: http }, tls: ${tls} }]
`,
    steps,
  };
}

export const feature: Feature = [
  scenario(
    'SIMPLE',
    '. mode serverCertificate privateKey',
    'DISABLE',
    `{ mode: SIMPLE, ${FILES} }`,
    { call: secure(), expect: { ...OK, certificate: `DNS:${NAME}` } },
    { call: { ...secure({ alpn: ['h2'] }), h2: true }, expect: OK },
    { call: plain(), expect: REFUSED },
  ),
  scenario(
    'MUTUAL',
    'mode caCertificates caCrl',
    'DISABLE',
    `{ mode: MUTUAL, ${FILES}, ${CLIENTS}, caCrl: "\${file:crl:revoked.example.com}" }`,
    { call: secure({ identity: 'jane.example.com' }), expect: OK },
    { call: secure(), expect: REFUSED },
    { call: secure({ identity: 'revoked.example.com' }), expect: REFUSED },
    { call: secure({ identity: 'jane.example.com', stranger: true }), expect: REFUSED },
  ),
  scenario(
    'MUTUAL: only the certificate of this hash, and TLS 1.3',
    'verifyCertificateHash minProtocolVersion',
    'DISABLE',
    `{ mode: MUTUAL, ${FILES}, ${CLIENTS}, verifyCertificateHash: ["\${hash:jane.example.com}"], minProtocolVersion: TLSV1_3 }`,
    { call: secure({ identity: 'jane.example.com' }), expect: OK },
    { call: secure({ identity: 'bob.example.com' }), expect: REFUSED },
    { call: secure({ identity: 'jane.example.com', maxVersion: 'TLSv1.2' }), expect: REFUSED },
  ),
  scenario(
    'beside mutual TLS of the mesh: that alone is taken',
    '.',
    'PERMISSIVE',
    `{ mode: SIMPLE, ${FILES} }`,
    { call: as(FRIEND), expect: OK },
    { call: plain(), expect: REFUSED },
  ),
];
