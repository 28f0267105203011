// Gateways' servers, the rest: which proxies run them, at which address, and every setting of their TLS.
import type { Call, Feature, Scenario } from './scenario.ts';
import { to, WEB_SUBSETS } from './yaml.ts';

const HOST = 'shop.example.com';
/** The same name on another kind of key. */
const RSA = `rsa+${HOST}`;

function gateway(server: string, selector = 'istio: ingressgateway'): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec: { selector: { ${selector} }, servers: [${server}] }
---
`;
}

const ROUTES = `${WEB_SUBSETS}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["${HOST}"], gateways: [edge], http: [{ ${to('web', 'v1').replace('host: web', 'host: web, port: { number: 8000 }')} }] }
---
`;
const HTTP = `port: { number: 80, name: http, protocol: HTTP }, hosts: ["${HOST}"]`;
const secret = (name: string, data: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: istio-system }\ndata: ${data}\n---\n`;
const SECRETS =
  secret('shop', `\${secret:${HOST}}`) + secret('rsa', `\${secret:${RSA}}`) + secret('clients', '${only-ca:clients}');
const secure = (tls: Call['tls'] = {}): Call => ({
  via: 'gateway',
  port: 443,
  host: tls.sni ?? HOST,
  tls: { sni: HOST, ...tls },
});
const OK = { status: 200, backend: 'web-v1' } as const;
const REFUSED = { refused: true } as const;

function tls(name: string, fields: string, settings: string, ...steps: Scenario['steps']): Scenario {
  return {
    name,
    proves: fields.split(' ').map((field) => `Gateway.servers.tls.${field}`),
    config:
      gateway(`{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["${HOST}"], tls: { ${settings} } }`) +
      SECRETS +
      ROUTES,
    steps,
  };
}

const SUITES = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256'] as const;
const BY_ECDSA = { maxVersion: 'TLSv1.2', ciphers: SUITES[0] } as const;
const BY_RSA = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const;
const jane = { identity: 'jane.example.com' } as const;

export const feature: Feature = [
  {
    name: 'selector: a Gateway of this proxy',
    proves: ['Gateway.selector'],
    config: gateway(`{ ${HTTP} }`, 'istio: ingressgateway, app: istio-ingressgateway') + ROUTES,
    steps: [{ call: { via: 'gateway' }, expect: OK }],
  },
  {
    name: 'selector: a Gateway of other proxies',
    proves: ['Gateway.selector'],
    config: gateway(`{ ${HTTP} }`, 'istio: ingressgateway, app: other') + ROUTES,
    steps: [{ call: { via: 'gateway' }, expect: REFUSED }],
  },
  {
    name: 'bind: one address only',
    proves: ['Gateway.servers.bind'],
    config: gateway(`{ ${HTTP}, bind: 127.0.0.9 }`) + ROUTES,
    steps: [
      { call: { via: 'gateway', at: '127.0.0.9' }, expect: OK },
      { call: { via: 'gateway' }, expect: REFUSED },
    ],
  },
  tls(
    'credentialNames: two certificates, by what the caller can read',
    'credentialNames',
    'mode: SIMPLE, credentialNames: [shop, rsa]',
    { call: secure(BY_ECDSA), expect: { ...OK, certificate: `DNS:${HOST}` } },
    { call: secure(BY_RSA), expect: { ...OK, certificate: `DNS:${HOST}` } },
  ),
  tls(
    'caCertCredentialName: the callers’ authorities in a Secret of their own',
    'caCertCredentialName',
    'mode: MUTUAL, credentialName: shop, caCertCredentialName: clients',
    { call: secure(jane), expect: OK },
    { call: secure(), expect: REFUSED },
    { call: secure({ ...jane, stranger: true }), expect: REFUSED },
  ),
  tls(
    'tlsCertificates: several pairs of files',
    'tlsCertificates',
    `mode: MUTUAL, tlsCertificates: [{ serverCertificate: "\${file:cert:${HOST}}", privateKey: "\${file:key:${HOST}}", caCertificates: "\${file:roots}" }, { serverCertificate: "\${file:cert:${RSA}}", privateKey: "\${file:key:${RSA}}" }], caCertificates: "\${file:roots}"`,
    { call: secure({ ...jane, ...BY_ECDSA }), expect: { ...OK, certificate: `DNS:${HOST}` } },
    { call: secure({ ...jane, ...BY_RSA }), expect: { ...OK, certificate: `DNS:${HOST}` } },
    { call: secure({ ...jane, stranger: true }), expect: REFUSED },
  ),
  tls(
    'maxProtocolVersion: not above it',
    'maxProtocolVersion',
    'mode: SIMPLE, credentialName: shop, maxProtocolVersion: TLSV1_2',
    { call: secure(), expect: OK },
    { call: secure({ minVersion: 'TLSv1.3' }), expect: REFUSED },
  ),
  tls(
    'cipherSuites: of TLS 1.2',
    'cipherSuites',
    `mode: SIMPLE, credentialName: shop, cipherSuites: [${SUITES[0]}]`,
    { call: secure({ maxVersion: 'TLSv1.2', ciphers: SUITES[0] }), expect: OK },
    { call: secure({ maxVersion: 'TLSv1.2', ciphers: SUITES[1] }), expect: REFUSED },
  ),
  tls(
    'ecdhCurves: no other curve',
    'ecdhCurves',
    'mode: SIMPLE, credentialName: shop, ecdhCurves: [P-384]',
    { call: secure({ curve: 'P-384' }), expect: OK },
    { call: secure({ curve: 'P-256' }), expect: REFUSED },
  ),
];
