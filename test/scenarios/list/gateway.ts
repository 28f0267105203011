// Gateway servers: plain HTTP, every TLS mode, SNI, TCP, passthrough, redirects, hosts and namespaces.
import type { Call, Feature, Scenario } from './scenario.ts';
import { to, WEB_SUBSETS } from './yaml.ts';

const HOST = 'shop.example.com';
const SECURE = 'secure.default.svc.cluster.local';
const V1 = to('web', 'v1').replace('host: web', 'host: web, port: { number: 8000 }');

function gateway(servers: string, name = 'edge'): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [${servers}]
---
`;
}

const server = (port: number, protocol: string, hosts = `"${HOST}"`, tls = ''): string =>
  `{ port: { number: ${port}, name: p${port}${protocol.toLowerCase()}, protocol: ${protocol} }, hosts: [${hosts}]${tls === '' ? '' : `, tls: ${tls}`} }`;

function bound(rules: string, hosts = `"${HOST}"`, gateways = 'edge', kind = 'http', name = 'shop'): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec: { hosts: [${hosts}], gateways: [${gateways}], ${kind}: [${rules}] }
---
`;
}

const secret = (name: string, data: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: istio-system }\ndata: ${data}\n---\n`;
const CERT = secret('shop', `\${secret:${HOST}}`);
const WITH_CA = secret('shop', `\${secret-ca:${HOST}}`);
const through = (more: Partial<Call> = {}): Call => ({ via: 'gateway', ...more });
const secure = (more: Partial<Call> = {}, tls: Call['tls'] = {}): Call => ({
  via: 'gateway',
  port: 443,
  host: HOST,
  tls: { sni: HOST, ...tls },
  ...more,
});
const BASE = WEB_SUBSETS + bound(`{ ${V1} }`);
const OK = { status: 200, backend: 'web-v1' } as const;

function scenario(
  name: string,
  proves: string | readonly string[],
  config: string,
  ...steps: Scenario['steps']
): Scenario {
  return { name, proves: [proves].flat().map((one) => `Gateway.servers.${one}`), config, steps };
}

const PLAIN: Feature = [
  scenario(
    'HTTP: a host of the server',
    'hosts',
    gateway(server(80, 'HTTP')) + BASE,
    { call: through(), expect: OK },
    { call: through({ host: 'other.example' }), expect: { status: 404, flag: 'NR' } },
  ),
  scenario('HTTP: the port in the host does not matter', 'hosts', gateway(server(80, 'HTTP')) + BASE, {
    call: through({ host: `${HOST}:80` }),
    expect: OK,
  }),
  scenario(
    'HTTP: all hosts',
    'hosts',
    gateway(server(80, 'HTTP', '"*"')) + BASE,
    { call: through(), expect: OK },
    { call: through({ host: 'other.example' }), expect: { status: 404 } },
  ),
  scenario(
    'HTTP: a wildcard host',
    'hosts',
    gateway(server(80, 'HTTP', '"*.example.com"')) + BASE,
    { call: through(), expect: OK },
    { call: through({ host: 'shop.example.org' }), expect: { status: 404 } },
  ),
  scenario('HTTP: a host of this namespace', 'hosts', gateway(server(80, 'HTTP', `"default/${HOST}"`)) + BASE, {
    call: through(),
    expect: OK,
  }),
  scenario(
    'HTTP: a host of another namespace only',
    'hosts',
    gateway(server(80, 'HTTP', `"elsewhere/${HOST}"`)) + BASE,
    { call: through(), expect: { status: 404 } },
  ),
  scenario(
    'HTTP: two servers, two ports',
    'port.number',
    gateway(`${server(80, 'HTTP')}, ${server(8080, 'HTTP', '"b.example.com"')}`) +
      WEB_SUBSETS +
      bound(`{ ${V1} }`) +
      bound(
        `{ ${to('web', 'v2').replace('host: web', 'host: web, port: { number: 8000 }')} }`,
        '"b.example.com"',
        'edge',
        'http',
        'b',
      ),
    { call: through(), expect: OK },
    { call: through({ port: 8080, host: 'b.example.com' }), expect: { status: 200, backend: 'web-v2' } },
    { call: through({ port: 8080 }), expect: { status: 404 } },
  ),
  scenario('HTTP: nothing bound to it is 404', 'hosts', gateway(server(80, 'HTTP')), {
    call: through(),
    expect: { status: 404 },
  }),
  scenario(
    'HTTP: a VirtualService of the mesh is not for it',
    'hosts',
    gateway(server(80, 'HTTP')) + WEB_SUBSETS + bound(`{ ${V1} }`, `"${HOST}"`, 'mesh'),
    { call: through(), expect: { status: 404 } },
  ),
  scenario(
    'HTTP: the gateway’s name with its namespace',
    'hosts',
    gateway(server(80, 'HTTP')) + WEB_SUBSETS + bound(`{ ${V1} }`, `"${HOST}"`, 'default/edge'),
    { call: through(), expect: OK },
  ),
  scenario('HTTP/2 without TLS', 'port.protocol', gateway(server(80, 'HTTP2')) + BASE, {
    call: through({ h2: true }),
    expect: OK,
  }),
  scenario('HTTP: the caller’s address is added', 'port', gateway(server(80, 'HTTP')) + BASE, {
    call: through({ headers: { 'x-forwarded-for': '1.2.3.4' } }),
    expect: { ...OK, upstream: { 'x-forwarded-for': /^1\.2\.3\.4,/, 'x-forwarded-proto': 'http' } },
  }),
  scenario('HTTP: identity headers from outside are taken away', 'port', gateway(server(80, 'HTTP')) + BASE, {
    call: through({ headers: { 'x-forwarded-client-cert': 'By=evil' } }),
    expect: { ...OK, upstream: { 'x-forwarded-client-cert': null } },
  }),
  scenario(
    'HTTP: the match on a gateway',
    'hosts',
    gateway(server(80, 'HTTP')) +
      WEB_SUBSETS +
      bound(`{ match: [{ gateways: [default/edge], uri: { prefix: /g } }], ${V1} }`),
    { call: through({ path: '/g' }), expect: OK },
    { call: through(), expect: { status: 404 } },
  ),
  scenario('HTTP: websocket', 'port.protocol', gateway(server(80, 'HTTP')) + BASE, {
    call: through({ headers: { connection: 'upgrade', upgrade: 'websocket' } }),
    expect: { status: 101 },
  }),
];

const TLS: Feature = [
  scenario(
    'SIMPLE: TLS with a certificate',
    ['tls.mode', 'tls.credentialName'],
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop }')) + CERT + BASE,
    { call: secure(), expect: { ...OK, certificate: `DNS:${HOST}` } },
  ),
  scenario(
    'SIMPLE: HTTP/2 by ALPN',
    'tls.mode',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop }')) + CERT + BASE,
    { call: secure({ h2: true }), expect: OK },
  ),
  scenario(
    'SIMPLE: a server name that no server has is refused',
    'hosts',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop }')) + CERT + BASE,
    { call: secure({}, { sni: 'other.example' }), expect: { refused: true } },
  ),
  scenario(
    'SIMPLE: two names, two certificates',
    'tls.credentialName',
    gateway(
      `${server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop }')}, ${server(443, 'HTTPS', '"b.example.com"', '{ mode: SIMPLE, credentialName: bee }').replace('name: p443https', 'name: bee')}`,
    ) +
      CERT +
      secret('bee', '${secret:b.example.com}') +
      BASE +
      bound(`{ ${V1} }`, '"b.example.com"', 'edge', 'http', 'b'),
    { call: secure(), expect: { ...OK, certificate: `DNS:${HOST}` } },
    {
      call: secure({ host: 'b.example.com' }, { sni: 'b.example.com' }),
      expect: { ...OK, certificate: 'DNS:b.example.com' },
    },
    // What a browser does that has a connection to a host of the same certificate.
    { call: secure({ host: 'b.example.com' }), expect: { status: 421 } },
    { call: secure({ host: 'c.example.com' }), expect: { status: 404 } },
  ),
  scenario(
    'a wider server’s connection is not the narrower one’s: 421',
    'hosts',
    gateway(
      `${server(443, 'HTTPS', '"*.example.com"', '{ mode: SIMPLE, credentialName: shop }')}, ${server(443, 'HTTPS', '"b.example.com"', '{ mode: SIMPLE, credentialName: shop }').replace('name: p443https', 'name: bee')}`,
    ) +
      CERT +
      WEB_SUBSETS +
      bound(`{ ${V1} }`, '"*.example.com"'),
    { call: secure(), expect: OK },
    { call: secure({ host: 'c.example.com' }), expect: OK },
    { call: secure({ host: 'b.example.com' }), expect: { status: 421 } },
    { call: secure({ host: 'c.example.com' }, { sni: 'b.example.com' }), expect: { status: 421 } },
  ),
  scenario(
    'SIMPLE: not below the least version',
    'tls.minProtocolVersion',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_3 }')) +
      CERT +
      BASE,
    { call: secure({}, { maxVersion: 'TLSv1.2' }), expect: { refused: true } },
    { call: secure(), expect: OK },
  ),
  scenario(
    'SIMPLE: TLS 1.2 is the default’s least',
    'tls.minProtocolVersion',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: shop }')) + CERT + BASE,
    { call: secure({}, { maxVersion: 'TLSv1.2' }), expect: OK },
  ),
  scenario(
    'MUTUAL: with a certificate',
    ['tls.mode', 'tls.caCertificates'],
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: MUTUAL, credentialName: shop }')) + WITH_CA + BASE,
    { call: secure({}, { identity: 'jane.example.com' }), expect: OK },
  ),
  scenario(
    'MUTUAL: without one',
    'tls.mode',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: MUTUAL, credentialName: shop }')) + WITH_CA + BASE,
    { call: secure(), expect: { refused: true } },
  ),
  scenario(
    'MUTUAL: with a stranger’s',
    'tls.mode',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: MUTUAL, credentialName: shop }')) + WITH_CA + BASE,
    { call: secure({}, { identity: 'jane.example.com', stranger: true }), expect: { refused: true } },
  ),
  scenario(
    'MUTUAL: only these names',
    'tls.subjectAltNames',
    gateway(
      server(443, 'HTTPS', `"${HOST}"`, '{ mode: MUTUAL, credentialName: shop, subjectAltNames: [jane.example.com] }'),
    ) +
      WITH_CA +
      BASE,
    { call: secure({}, { identity: 'jane.example.com' }), expect: OK },
    { call: secure({}, { identity: 'bob.example.com' }), expect: { refused: true } },
  ),
  ...(['hash', 'spki'] as const).map((kind) => {
    const field = kind === 'hash' ? 'verifyCertificateHash' : 'verifyCertificateSpki';
    const tls = `{ mode: MUTUAL, credentialName: shop, ${field}: ["\${${kind}:jane.example.com}"] }`;
    return scenario(
      `MUTUAL: only the certificate of this ${kind}`,
      `tls.${field}`,
      gateway(server(443, 'HTTPS', `"${HOST}"`, tls)) + WITH_CA + BASE,
      { call: secure({}, { identity: 'jane.example.com' }), expect: OK },
      { call: secure({}, { identity: 'bob.example.com' }), expect: { refused: true } },
      { call: secure({}, { identity: 'jane.example.com', stranger: true }), expect: { refused: true } },
    );
  }),
  scenario(
    'MUTUAL: a certificate on the list in the Secret is refused',
    ['tls.mode', 'tls.credentialName'],
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: MUTUAL, credentialName: shop }')) +
      secret('shop', `\${secret-crl:${HOST}}`) +
      BASE,
    { call: secure({}, { identity: 'jane.example.com' }), expect: OK },
    { call: secure({}, { identity: 'revoked.example.com' }), expect: { refused: true } },
  ),
  scenario(
    'MUTUAL: certificates, authorities and a revocation list in files',
    ['tls.serverCertificate', 'tls.privateKey', 'tls.caCertificates', 'tls.caCrl'],
    gateway(
      server(
        443,
        'HTTPS',
        `"${HOST}"`,
        `{ mode: MUTUAL, serverCertificate: "\${file:cert:${HOST}}", privateKey: "\${file:key:${HOST}}", caCertificates: "\${file:roots}", caCrl: "\${file:crl:revoked.example.com}" }`,
      ),
    ) + BASE,
    { call: secure({}, { identity: 'jane.example.com' }), expect: { ...OK, certificate: `DNS:${HOST}` } },
    { call: secure({}, { identity: 'revoked.example.com' }), expect: { refused: true } },
    { call: secure({}, { identity: 'jane.example.com', stranger: true }), expect: { refused: true } },
  ),
  scenario(
    'OPTIONAL_MUTUAL: with and without',
    'tls.mode',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: OPTIONAL_MUTUAL, credentialName: shop }')) + WITH_CA + BASE,
    { call: secure(), expect: OK },
    { call: secure({}, { identity: 'jane.example.com' }), expect: OK },
  ),
  scenario(
    'ISTIO_MUTUAL: a workload of the mesh',
    'tls.mode',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: ISTIO_MUTUAL }')) + BASE,
    {
      call: secure(
        {},
        { identity: 'spiffe://cluster.local/ns/default/sa/client', alpn: ['istio-http/1.1', 'http/1.1'] },
      ),
      expect: OK,
    },
    { call: secure(), expect: { refused: true } },
  ),
  scenario(
    'PASSTHROUGH: by server name',
    ['tls.mode', 'hosts'],
    gateway(server(443, 'TLS', '"secure.example.com"', '{ mode: PASSTHROUGH }')) +
      bound(
        '{ match: [{ sniHosts: [secure.example.com] }], route: [{ destination: { host: secure, port: { number: 443 } } }] }',
        '"secure.example.com"',
        'edge',
        'tls',
      ),
    {
      call: secure({ host: 'secure.example.com' }, { sni: 'secure.example.com' }),
      expect: { status: 200, backend: 'secure', certificate: 'DNS:secure.example.com' },
    },
    { call: secure({}, { sni: 'other.example' }), expect: { refused: true } },
  ),
  scenario(
    'AUTO_PASSTHROUGH: the mesh’s own TLS, by the service in its server name',
    ['tls.mode', 'hosts'],
    gateway(server(443, 'TLS', '"*.local"', '{ mode: AUTO_PASSTHROUGH }')),
    {
      call: secure({ host: SECURE }, { sni: `outbound_.443_._.${SECURE}`, alpn: ['istio', 'http/1.1'] }),
      expect: { status: 200, backend: 'secure', certificate: 'DNS:secure.example.com' },
    },
    { call: secure({}, { sni: SECURE, alpn: ['istio', 'http/1.1'] }), expect: { refused: true } },
    { call: secure({}, { sni: `outbound_.443_._.${SECURE}` }), expect: { refused: true } },
  ),
  scenario(
    'httpsRedirect: 301',
    'tls.httpsRedirect',
    gateway(`${server(80, 'HTTP', `"${HOST}"`, '{ httpsRedirect: true }')}`) + BASE,
    { call: through({ path: '/a?b=c' }), expect: { status: 301, downstream: { location: `https://${HOST}/a?b=c` } } },
  ),
  scenario(
    'a certificate that is not there yet: the handshake fails',
    'tls.credentialName',
    gateway(server(443, 'HTTPS', `"${HOST}"`, '{ mode: SIMPLE, credentialName: missing }')) + BASE,
    { call: secure({ timeoutMs: 800 }), expect: { refused: true } },
  ),
  scenario(
    'TCP: bytes to a service',
    'port.protocol',
    gateway(server(9000, 'TCP', '"*"')) +
      bound(
        '{ match: [{ port: 9000 }], route: [{ destination: { host: db, port: { number: 9000 } } }] }',
        '"*"',
        'edge',
        'tcp',
      ),
    { call: through({ port: 9000, tcp: 'hello' }), expect: { body: /^db-v[12]:hello$/ } },
  ),
  scenario(
    'TCP: weights',
    'port.protocol',
    gateway(server(9000, 'TCP', '"*"')) +
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: db, namespace: default }\nspec: { host: db, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }\n---\n' +
      bound(
        '{ route: [{ destination: { host: db, subset: v1, port: { number: 9000 } }, weight: 100 }, { destination: { host: db, subset: v2, port: { number: 9000 } }, weight: 0 }] }',
        '"*"',
        'edge',
        'tcp',
      ),
    { call: through({ port: 9000, tcp: 'hello' }), times: 4, expect: { body: 'db-v1:hello' } },
  ),
  scenario(
    'TLS terminated to TCP',
    'tls.mode',
    gateway(server(443, 'TLS', '"*"', '{ mode: SIMPLE, credentialName: shop }')) +
      CERT +
      bound('{ route: [{ destination: { host: db, port: { number: 9000 } } }] }', '"*"', 'edge', 'tcp'),
    { call: secure({ tcp: 'hello' }, { alpn: [] }), expect: { body: /^db-v[12]:hello$/ } },
  ),
];

export const feature: Feature = [...PLAIN, ...TLS];
