// trafficPolicy.tunnel: TCP and TLS by way of an HTTP proxy, which is asked for another place.
import type { Feature, Scenario } from './scenario.ts';

/** The proxy's port by protocol: `tcp` speaks HTTP/1.1, `http2` HTTP/2. Nothing that is meant to go by it may reach `db-v1` by itself. */
const PROXY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: http-proxy, namespace: default }
spec:
  hosts: [proxy.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 3128, name: tcp, protocol: TCP }, { number: 3129, name: http2, protocol: HTTP2 }]
  endpoints: [{ address: 127.0.0.1, ports: { tcp: \${port:http-proxy}, http2: \${port:http-proxy} } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: far, namespace: default }
spec:
  hosts: [far.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 5432, name: tcp, protocol: TCP }, { number: 443, name: tls, protocol: TLS }]
  endpoints: [{ address: 127.0.0.1, ports: { tcp: \${port:db-v1}, tls: \${port:vault} } }]
---
`;

const rule = (policy: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: http-proxy, namespace: default }
spec: { host: proxy.example.com, ${policy} }
---
`;
const route = (rules: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: far, namespace: default }
spec: { hosts: [far.example.com], ${rules} }
`;
const tunnel = (fields: string): string => `trafficPolicy: { tunnel: { ${fields} } }`;
const to = (more = ''): string => `{ destination: { host: proxy.example.com, port: { number: 3128 }${more} } }`;

function scenario(name: string, fields: string, config: string, ...steps: Scenario['steps']): Scenario {
  return {
    name,
    proves: fields.split(' ').map((field) => `DestinationRule.${field}`),
    config: `${PROXY}${config}`,
    steps,
  };
}
const call = { to: 'far.example.com:5432', tcp: 'hello' };
const ALL = 'trafficPolicy.tunnel.targetHost trafficPolicy.tunnel.targetPort trafficPolicy.tunnel.protocol';
const LEDGER = 'targetHost: ledger.example, targetPort: 5432';

export const feature: Feature = [
  scenario('CONNECT', ALL, rule(tunnel(LEDGER)) + route(`tcp: [{ route: [${to()}] }]`), {
    call,
    times: 3,
    expect: { body: 'CONNECT ledger.example:5432:hello' },
  }),
  scenario('POST', ALL, rule(tunnel(`protocol: POST, ${LEDGER}`)) + route(`tcp: [{ route: [${to()}] }]`), {
    call,
    times: 3,
    expect: { body: 'POST / ledger.example:5432:hello' },
  }),
  scenario('over HTTP/2', ALL, rule(tunnel(LEDGER)) + route(`tcp: [{ route: [${to().replace('3128', '3129')}] }]`), {
    call,
    times: 3,
    expect: { body: 'h2 CONNECT ledger.example:5432:hello' },
  }),
  scenario(
    'POST over HTTP/2',
    ALL,
    rule(tunnel(`protocol: POST, ${LEDGER}`)) + route(`tcp: [{ route: [${to().replace('3128', '3129')}] }]`),
    { call, times: 3, expect: { body: 'h2 POST ledger.example:5432:hello' } },
  ),
  scenario(
    'of a subset, not of the host',
    'subsets.trafficPolicy.tunnel.targetHost subsets.trafficPolicy.tunnel.targetPort',
    rule(`${tunnel(LEDGER)}, subsets: [{ name: a, ${tunnel('targetHost: 10.1.2.3, targetPort: 1')} }, { name: b }]`) +
      route(`tcp: [{ match: [{ port: 5432 }], route: [${to(', subset: a')}] }]`),
    { call, expect: { body: 'CONNECT 10.1.2.3:1:hello' } },
  ),
  scenario(
    'TLS by server name, unopened',
    'subsets.trafficPolicy.tunnel.targetHost',
    rule(`subsets: [{ name: bank, ${tunnel('targetHost: secure.backend.example, targetPort: 443')} }]`) +
      route(`tls: [{ match: [{ sniHosts: [far.example.com] }], route: [${to(', subset: bank')}] }]`),
    {
      call: { to: 'far.example.com:443', host: 'far.example.com', tls: { sni: 'far.example.com' } },
      times: 3,
      expect: { status: 200, backend: 'secure', certificate: 'DNS:secure.example.com' },
    },
  ),
  scenario(
    'out of a gateway',
    'subsets.trafficPolicy.tunnel.targetHost',
    `${rule(`subsets: [{ name: a, ${tunnel(LEDGER)} }]`)}apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 9000, name: tcp, protocol: TCP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: far, namespace: default }
spec: { hosts: ["*"], gateways: [edge], tcp: [{ route: [${to(', subset: a')}] }] }
`,
    { call: { via: 'gateway', port: 9000, tcp: 'hello' }, expect: { body: 'CONNECT ledger.example:5432:hello' } },
  ),
  scenario(
    'an HTTP proxy that refuses',
    ALL,
    rule(tunnel('targetHost: no.example, targetPort: 1')) + route(`tcp: [{ route: [${to()}] }]`),
    {
      call: { ...call, untilClosed: true },
      expect: { refused: true },
      counters: { 'cluster.outbound|3128||proxy.example.com.upstream_cx_connect_attempts_exceeded': 1 },
    },
  ),
  scenario(
    'of two destinations only one',
    ALL,
    rule(tunnel(LEDGER)) +
      route(
        `tcp: [{ route: [${to().replace(/ }$/, ', weight: 50 }')}, { destination: { host: far.example.com }, weight: 50 }] }]`,
      ),
    { call: { ...call, untilClosed: true }, times: 4, expect: { refused: true } },
  ),
];
