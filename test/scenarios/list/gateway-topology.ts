// What stands in front of a gateway (MeshConfig.defaultConfig.gatewayTopology): who the client is to the application, to policies and to the log.
import type { Call, Expectation, Feature, Scenario } from './scenario.ts';
import { to, WEB_SUBSETS } from './yaml.ts';

const HOST = 'shop.example.com';
const CLIENT = '203.0.113.7';
const FRIEND = 'spiffe://cluster.local/ns/default/sa/client';
const ROUTE = to('web', 'v1').replace('host: web', 'host: web, port: { number: 8000 }');
const MUTUAL = `{ port: { number: 443, name: tls, protocol: HTTPS }, hosts: ["${HOST}"], tls: { mode: MUTUAL, credentialName: shop } }`;
const SECRET = `apiVersion: v1\nkind: Secret\nmetadata: { name: shop, namespace: istio-system }\ndata: \${secret-ca:${HOST}}\n---\n`;

const config = (more = '', blocks = ''): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["${HOST}"] }${more}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["${HOST}"], gateways: [edge], http: [{ ${ROUTE} }] }
---
${
  blocks === ''
    ? ''
    : `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: blocks, namespace: istio-system }
spec: { selector: { matchLabels: { istio: ingressgateway } }, action: DENY, rules: [{ from: [{ source: { ${blocks} } }] }] }
---
`
}${WEB_SUBSETS}`;

const OK: Expectation = { status: 200, backend: 'web-v1' };
const DENIED: Expectation = { status: 403 };
const gate = (more: Partial<Call> = {}): Call => ({ via: 'gateway', ...more });
const from = (address: string, version: 1 | 2 = 1): Call => gate({ proxied: { version, address } });

function behind(name: string, field: string, topology: string, text: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `gateway topology: ${name}`,
    proves: [`MeshConfig.defaultConfig.gatewayTopology.${field}`],
    mesh: `defaultConfig: { gatewayTopology: ${topology} }\n`,
    config: text,
    steps,
  };
}

const PROXY: Feature = [
  ...([1, 2] as const).map((version) =>
    behind(
      `the application and the log see whom PROXY version ${version} names`,
      'proxyProtocol',
      '{ proxyProtocol: {} }',
      config(),
      {
        call: from(CLIENT, version),
        expect: {
          ...OK,
          upstream: { 'x-forwarded-for': CLIENT },
          log: { downstream_remote_address: new RegExp(`^${CLIENT.replaceAll('.', '\\.')}:`) },
        },
      },
    ),
  ),
  behind('PROXY: ahead of TLS too', 'proxyProtocol', '{ proxyProtocol: {} }', SECRET + config(`, ${MUTUAL}`), {
    call: { ...from(CLIENT, 2), port: 443, host: HOST, tls: { sni: HOST, identity: FRIEND } },
    expect: { ...OK, upstream: { 'x-forwarded-for': CLIENT } },
  }),
  behind('PROXY: nobody comes in without it', 'proxyProtocol', '{ proxyProtocol: {} }', config(), {
    call: gate({ timeoutMs: 20_000 }),
    expect: { refused: true },
  }),
  behind(
    'PROXY: remoteIpBlocks are of whom it names',
    'proxyProtocol',
    '{ proxyProtocol: {} }',
    config('', 'remoteIpBlocks: [203.0.113.0/24]'),
    { call: from(CLIENT), expect: DENIED },
    { call: from(CLIENT, 2), expect: DENIED },
    { call: from('198.51.100.1'), expect: OK },
    { call: from('198.51.100.1', 2), expect: OK },
  ),
  behind(
    'PROXY: ipBlocks are of whoever speaks it',
    'proxyProtocol',
    '{ proxyProtocol: {} }',
    config('', 'notIpBlocks: [127.0.0.0/8]'),
    { call: from(CLIENT), expect: OK },
    { call: from(CLIENT, 2), expect: OK },
  ),
];

const TRUSTED: Feature = [
  behind(
    'numTrustedProxies: remoteIpBlocks are of the address before the last',
    'numTrustedProxies',
    '{ numTrustedProxies: 1 }',
    config('', 'remoteIpBlocks: [203.0.113.0/24]'),
    { call: gate({ headers: { 'x-forwarded-for': CLIENT } }), expect: DENIED },
    { call: gate({ headers: { 'x-forwarded-for': `${CLIENT}, 198.51.100.1` } }), expect: OK },
    { call: gate(), expect: OK },
  ),
  behind(
    'numTrustedProxies: 0 believes nobody',
    'numTrustedProxies',
    '{}',
    config('', 'remoteIpBlocks: [203.0.113.0/24]'),
    {
      call: gate({ headers: { 'x-forwarded-for': CLIENT } }),
      expect: OK,
    },
  ),
  behind(
    'numTrustedProxies beside PROXY',
    'numTrustedProxies',
    '{ numTrustedProxies: 1, proxyProtocol: {} }',
    config('', 'remoteIpBlocks: [203.0.113.0/24]'),
    { call: { ...from('198.51.100.1'), headers: { 'x-forwarded-for': CLIENT } }, expect: DENIED },
    { call: from(CLIENT), expect: DENIED },
  ),
];

const SENT = 'Hash=aa;URI=spiffe://elsewhere/ns/a/sa/b';
const OWN = String.raw`Hash=[0-9a-f]{64};Cert="-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%]+-----END%20CERTIFICATE-----%0A";Subject="[^"]*";URI=spiffe://cluster\.local/ns/default/sa/client`;
const XFCC = 'x-forwarded-client-cert';
/** What becomes of the header with a certificate, and without. */
const forwarded = (mode: string, mutual: string | RegExp | null, plain: string | null): Scenario =>
  behind(
    `forwardClientCertDetails ${mode}`,
    'forwardClientCertDetails',
    mode === 'UNDEFINED' ? '{}' : `{ forwardClientCertDetails: ${mode} }`,
    SECRET + config(`, ${MUTUAL}`),
    {
      call: gate({ port: 443, host: HOST, tls: { sni: HOST, identity: FRIEND }, headers: { [XFCC]: SENT } }),
      expect: { ...OK, upstream: { [XFCC]: mutual } },
    },
    { call: gate({ headers: { [XFCC]: SENT } }), expect: { ...OK, upstream: { [XFCC]: plain } } },
  );
const CERTIFICATES: Feature = [
  forwarded('UNDEFINED', new RegExp(`^${OWN}$`), null),
  forwarded('SANITIZE', null, null),
  forwarded('FORWARD_ONLY', SENT, null),
  forwarded('APPEND_FORWARD', new RegExp(`^${SENT},${OWN}$`), null),
  forwarded('SANITIZE_SET', new RegExp(`^${OWN}$`), null),
  forwarded('ALWAYS_FORWARD_ONLY', SENT, SENT),
];

export const feature: Feature = [...PROXY, ...TRUSTED, ...CERTIFICATES];
