// TLS that a DestinationRule has callers speak: with certificates of their own, by port and subset, and whom they believe.
import type { Feature, Scenario, Step } from './scenario.ts';
import { EDGE_GATEWAY } from './server-calls.ts';
import { destinationRule } from './yaml.ts';

const HOST = 'mutual.example.com';
const POLICY = 'DestinationRule.trafficPolicy';
const entry = (more = ''): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mutual, namespace: default }
spec:
  hosts: [${HOST}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }, { number: 81, name: other, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: \${port:mutual}, other: \${port:ext} }, labels: { version: v1 } }]${more === '' ? '' : `\n  ${more}`}
---
`;
const OWN =
  'clientCertificate: "${file:cert:caller.example.com}", privateKey: "${file:key:caller.example.com}", caCertificates: "${file:roots}"';
const NAME = 'subjectAltNames: [secure.example.com]';
const call: Step['call'] = { via: 'forward', to: HOST };
const KNOWN: Step = {
  call,
  expect: { status: 200, backend: 'mutual', downstream: { 'x-caller': 'DNS:caller.example.com' } },
};
const UNKNOWN: Step = { call, expect: { status: 503, arrivals: 0 } };
const PLAIN: Step = { call: { ...call, to: `${HOST}:81` }, expect: { status: 200, backend: 'ext' } };

function scenario(name: string, proves: readonly string[], config: string, ...steps: Scenario['steps']): Scenario {
  return { name: `tls: ${name}`, proves, config, steps };
}

const GATEWAY = `${EDGE_GATEWAY}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ route: [{ destination: { host: ${HOST}, port: { number: 80 } } }] }] }
---
apiVersion: v1
kind: Secret
metadata: { name: caller, namespace: istio-system }
data: \${secret-ca:caller.example.com}
---
`;

export const feature: Feature = [
  scenario(
    'MUTUAL: with a certificate of one’s own',
    [`${POLICY}.tls.clientCertificate`, `${POLICY}.tls.privateKey`],
    entry() + destinationRule(HOST, `{ tls: { mode: MUTUAL, ${OWN}, ${NAME} } }`),
    KNOWN,
  ),
  scenario(
    'SIMPLE: a server that asks for a certificate',
    [`${POLICY}.tls.mode`],
    entry() + destinationRule(HOST, `{ tls: { mode: SIMPLE, caCertificates: "\${file:roots}", ${NAME} } }`),
    { call, expect: { status: 503, arrivals: 0 } },
  ),
  scenario(
    'MUTUAL: a gateway’s certificate out of a Secret',
    [`${POLICY}.tls.credentialName`],
    `${GATEWAY}${entry()}apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: mutual, namespace: istio-system }
spec:
  host: ${HOST}
  workloadSelector: { matchLabels: { istio: ingressgateway } }
  trafficPolicy: { tls: { mode: MUTUAL, credentialName: caller, ${NAME} } }
`,
    { ...KNOWN, call: { via: 'gateway' } },
  ),
  scenario(
    'of one port',
    [`${POLICY}.portLevelSettings.tls`],
    entry() +
      destinationRule(
        HOST,
        `{ portLevelSettings: [{ port: { number: 80 }, tls: { mode: MUTUAL, ${OWN}, ${NAME} } }] }`,
      ),
    KNOWN,
    PLAIN,
  ),
  scenario(
    'of one subset, and of one port of a subset',
    ['DestinationRule.subsets.trafficPolicy.tls', 'DestinationRule.subsets.trafficPolicy.portLevelSettings'],
    `${entry()}apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: mutual, namespace: default }
spec:
  host: ${HOST}
  subsets:
  - { name: whole, labels: { version: v1 }, trafficPolicy: { tls: { mode: MUTUAL, ${OWN}, ${NAME} } } }
  - { name: part, labels: { version: v1 }, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: MUTUAL, ${OWN}, ${NAME} } }] } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: mutual, namespace: default }
spec:
  hosts: [${HOST}]
  http:
  - { match: [{ uri: { prefix: /whole } }], route: [{ destination: { host: ${HOST}, subset: whole } }] }
  - { match: [{ uri: { prefix: /part } }], route: [{ destination: { host: ${HOST}, subset: part } }] }
---
`,
    { ...KNOWN, call: { ...call, path: '/whole' } },
    { ...KNOWN, call: { ...call, path: '/part' } },
    { ...PLAIN, call: { ...PLAIN.call, path: '/part' } },
  ),
  scenario(
    'names of the server that the ServiceEntry tells',
    ['ServiceEntry.subjectAltNames'],
    entry(NAME) + destinationRule(HOST, `{ tls: { mode: MUTUAL, ${OWN} } }`),
    KNOWN,
  ),
  scenario(
    'names that the server has not',
    ['ServiceEntry.subjectAltNames'],
    entry(NAME.replace('secure', 'other')) + destinationRule(HOST, `{ tls: { mode: MUTUAL, ${OWN} } }`),
    UNKNOWN,
  ),
];
