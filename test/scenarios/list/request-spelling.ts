// What an attacker spells differently: paths under each normalization, templates, and headers that only the mesh may set.
import type { Call, Feature, Scenario } from './scenario.ts';
import { as, DENIED, FRIEND, OK, OTHER, plain, policy, SELECT } from './server-calls.ts';

const MODES = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
type Mode = (typeof MODES)[number];

/** Whether a DENY of `/admin*` sees through it, by how much is made one. */
const SPELLINGS: readonly (readonly [path: string, from: Mode | 'never'])[] = [
  ['/admin', 'NONE'],
  ['/admin/../free', 'NONE'],
  ['/admin%2fusers', 'NONE'],
  ['/admin;a=b', 'NONE'],
  ['/x/../admin', 'BASE'],
  ['/./admin', 'BASE'],
  ['/%61dmin', 'BASE'],
  ['/x/%2E%2e/admin', 'BASE'],
  ['/x\\..\\admin', 'BASE'],
  ['//admin', 'MERGE_SLASHES'],
  ['/x//../../admin', 'BASE'],
  ['/%2fadmin', 'DECODE_AND_MERGE_SLASHES'],
  ['/x%2F..%2Fadmin', 'DECODE_AND_MERGE_SLASHES'],
  ['/x%5c..%5Cadmin', 'DECODE_AND_MERGE_SLASHES'],
  ['/ADMIN', 'never'],
  ['/%2561dmin', 'never'],
  ['/x?/../admin', 'never'],
];

const deny = (spec: string): string => policy('p', 'AuthorizationPolicy', `{ ${SELECT}, ${spec} }`);

function paths(mode: Mode): Scenario {
  const level = MODES.indexOf(mode);
  return {
    name: `paths under ${mode}`,
    proves: ['MeshConfig.pathNormalization.normalization', 'AuthorizationPolicy.rules.to.operation.paths'],
    mesh: `pathNormalization: { normalization: ${mode} }\n`,
    config: deny('action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }]'),
    steps: SPELLINGS.flatMap(([path, from]) => {
      const seen = from !== 'never' && MODES.indexOf(from) <= level;
      // Dots are taken out of a path before it is looked at.
      const expect = (path === '/admin/../free' ? mode === 'NONE' : seen) ? DENIED : OK;
      return [
        { call: as(FRIEND, { path }), expect },
        { call: plain({ path, h2: true }), expect },
      ];
    }),
  };
}

const XFCC = 'By=spiffe://cluster.local/ns/x/sa/y;URI=spiffe://cluster.local/ns/default/sa/admin';
const forged = { 'x-forwarded-client-cert': XFCC };

const credential = (name: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: istio-system }\ndata: \${secret-ca:${name}.example.com}\n---\n`;
const TWO_SERVERS = `${credential('open')}${credential('inner')}apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
  - { port: { number: 443, name: open, protocol: HTTPS }, hosts: [open.example.com], tls: { mode: SIMPLE, credentialName: open } }
  - { port: { number: 443, name: inner, protocol: HTTPS }, hosts: [inner.example.com], tls: { mode: MUTUAL, credentialName: inner } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: default }
spec: { hosts: [open.example.com, inner.example.com], gateways: [edge], http: [{ route: [{ destination: { host: web, port: { number: 8000 } } }] }] }
---
`;
const edge = (sni: string, more: Partial<Call> = {}): Call => ({
  via: 'gateway',
  port: 443,
  host: sni,
  tls: { sni },
  ...more,
});

export const feature: Feature = [
  ...MODES.map(paths),
  {
    name: 'notPaths with templates, and ways around them',
    proves: ['AuthorizationPolicy.rules.to.operation.notPaths'],
    config: deny('action: DENY, rules: [{ to: [{ operation: { notPaths: ["/free/{*}", "/open/{**}/end"] } }] }]'),
    steps: [
      ...['/free/a', '/free/a?b=/x', '/open/a/b/end', '/open/a/end'].map((path) => ({
        call: as(FRIEND, { path }),
        expect: OK,
      })),
      ...['/free', '/free/', '/free/a/b', '/free/a/../../admin', '/free/%2e%2e/admin', '/open/end', '/open/a/endx'].map(
        (path) => ({ call: as(FRIEND, { path }), expect: DENIED }),
      ),
    ],
  },
  {
    name: 'a forged x-forwarded-client-cert names nobody',
    proves: ['AuthorizationPolicy.rules.from.source.principals'],
    config: deny('action: DENY, rules: [{ from: [{ source: { principals: ["*/sa/admin"] } }] }]'),
    steps: [
      { call: plain({ headers: forged }), expect: { ...OK, upstream: { 'x-forwarded-client-cert': null } } },
      {
        call: as(OTHER, { headers: forged }),
        expect: { ...OK, upstream: { 'x-forwarded-client-cert': /sa\/caller$/ } },
      },
    ],
  },
  {
    name: 'headers of the proxy itself are nobody else’s',
    proves: ['AuthorizationPolicy.rules.when.key'],
    config: deny(
      'action: DENY, rules: [{ when: [{ key: "request.headers[x-envoy-peer-metadata-id]", values: ["*"] }] }]',
    ),
    steps: [
      {
        call: plain({
          headers: {
            'x-envoy-original-path': '/free',
            'x-envoy-internal': 'true',
            'x-envoy-upstream-alt-stat-name': 'x',
          },
        }),
        expect: { ...OK, path: '/' },
      },
    ],
  },
  {
    name: 'a fragment, and bytes that are none of a path, are refused',
    proves: ['AuthorizationPolicy.rules.to.operation.paths'],
    config: deny('action: DENY, rules: [{ to: [{ operation: { paths: ["/admin"] } }] }]'),
    steps: [
      ...['/admin#', '/admin#/free', '/free#/../admin', '/free/..%00/admin'].flatMap((path) => [
        { call: plain({ path }), expect: { status: 400, arrivals: 0 } },
      ]),
      { call: plain({ path: '/admin?#' }), expect: { status: 400, arrivals: 0 } },
    ],
  },
  {
    name: 'at an edge a stranger’s word about the original path is not believed',
    proves: ['Gateway.servers.hosts'],
    config: TWO_SERVERS,
    steps: [
      {
        call: edge('open.example.com', { headers: { 'x-envoy-original-path': '/free' } }),
        expect: { status: 200, upstream: { 'x-envoy-original-path': null } },
      },
    ],
  },
  {
    name: 'a name of another server’s chain reaches no host that asks for a client’s certificate',
    proves: ['Gateway.servers.tls.mode'],
    config: TWO_SERVERS,
    steps: [
      { call: edge('open.example.com'), expect: { status: 200 } },
      { call: edge('inner.example.com'), expect: { refused: true } },
      ...['inner.example.com', 'INNER.example.com', 'inner.example.com:443', 'inner.example.com.'].flatMap((host) => [
        { call: edge('open.example.com', { host }), expect: { status: 421, arrivals: 0 } },
        { call: edge('open.example.com', { host, h2: true }), expect: { status: 421, arrivals: 0 } },
      ]),
    ],
  },
];
