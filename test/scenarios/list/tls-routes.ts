// Routes of VirtualService.tls: connections that a sidecar passes on unopened, by server name, port, caller and address.
import type { Feature, Scenario } from './scenario.ts';
import { destinationRule } from './yaml.ts';

/** Two backends, `secure` as version a and `vault` as version b; on the second port both swap. */
const SAFE = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: safe, namespace: default }
spec:
  hosts: [safe.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 443, name: tls, protocol: TLS }, { number: 444, name: more, protocol: TLS }]
  endpoints:
  - { address: 127.0.0.1, ports: { tls: \${port:secure}, more: \${port:vault} }, labels: { version: a } }
  - { address: 127.0.0.1, ports: { tls: \${port:vault}, more: \${port:secure} }, labels: { version: b } }
---
${destinationRule('safe.example.com', '', ['a', 'b'])}`;

const toSubset = (subset: string, more = ''): string =>
  `{ destination: { host: safe.example.com, subset: ${subset}${more} } }`;
const rule = (match: string, subset: string): string =>
  `{ match: [{ sniHosts: [one.example.com]${match === '' ? '' : `, ${match}`} }], route: [${toSubset(subset)}] }`;
const from = (backend: 'secure' | 'vault', sni = 'one.example.com'): Scenario['steps'][number] => ({
  call: { to: 'safe.example.com:443', host: sni, tls: { sni } },
  times: 4,
  expect: { status: 200, backend, certificate: 'DNS:secure.example.com' },
});

function scenario(name: string, fields: string, rules: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `TLS: ${name}`,
    proves: fields.split(' ').map((field) => `VirtualService.tls.${field}`),
    config: `${SAFE}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: safe, namespace: default }
spec: { hosts: ["*.example.com"], gateways: [mesh], tls: [${rules}] }
`,
    steps,
  };
}

/** The first rule is for us, and for nobody like us. */
const chosen = (field: string, ours: string, theirs: string): Scenario[] => [
  scenario(`${field}: ours`, `match.${field}`, `${rule(ours, 'b')}, ${rule('', 'a')}`, from('vault')),
  scenario(`${field}: not ours`, `match.${field}`, `${rule(theirs, 'b')}, ${rule('', 'a')}`, from('secure')),
];

const TCP = (subnet: string): string => `${destinationRule('db', '', ['v1', 'v2'])}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db, namespace: default }
spec:
  hosts: [db]
  tcp:
  - { match: [{ destinationSubnets: [${subnet}] }], route: [{ destination: { host: db, subset: v2 } }] }
  - { route: [{ destination: { host: db, subset: v1 } }] }
`;

export const feature: Feature = [
  scenario(
    'by server name',
    'match.sniHosts route.destination',
    `${rule('', 'b')}, { match: [{ sniHosts: [two.example.com] }], route: [${toSubset('a')}] }`,
    from('vault'),
    from('secure', 'two.example.com'),
  ),
  scenario(
    'by a pattern of server names',
    'match.sniHosts',
    `{ match: [{ sniHosts: ["*.one.example.com"] }], route: [${toSubset('b')}] }, { match: [{ sniHosts: ["*.example.com"] }], route: [${toSubset('a')}] }`,
    from('vault', 'deep.one.example.com'),
    from('secure'),
  ),
  ...chosen('port', 'port: 443', 'port: 444'),
  ...chosen('sourceLabels', 'sourceLabels: { app: client }', 'sourceLabels: { app: other }'),
  ...chosen('sourceNamespace', 'sourceNamespace: default', 'sourceNamespace: elsewhere'),
  ...chosen('destinationSubnets', 'destinationSubnets: [127.0.0.0/8]', 'destinationSubnets: [10.0.0.0/8]'),
  ...chosen('gateways', 'gateways: [mesh]', 'gateways: [default/edge]'),
  scenario(
    'weights',
    'route.weight',
    `{ match: [{ sniHosts: [one.example.com] }], route: [${toSubset('a').replace(/ }$/, ', weight: 0 }')}, ${toSubset('b').replace(/ }$/, ', weight: 100 }')}] }`,
    from('vault'),
  ),
  scenario(
    'to another port',
    'route.destination.port',
    `{ match: [{ sniHosts: [one.example.com] }], route: [${toSubset('a', ', port: { number: 444 }')}] }`,
    from('vault'),
  ),
  {
    name: 'TCP: the address that was called',
    proves: ['VirtualService.tcp.match.destinationSubnets'],
    config: TCP('127.0.0.0/8'),
    steps: [{ call: { to: 'db:9000', tcp: 'hello' }, times: 3, expect: { body: 'db-v2:hello' } }],
  },
  {
    name: 'TCP: another address',
    proves: ['VirtualService.tcp.match.destinationSubnets'],
    config: TCP('10.0.0.0/8'),
    steps: [{ call: { to: 'db:9000', tcp: 'hello' }, times: 3, expect: { body: 'db-v1:hello' } }],
  },
];
