// Headers that proxies add by themselves, as MeshConfig.defaultConfig.proxyHeaders has them: their exact text at applications and callers.
import type { Call, Expectation, Feature, HeaderCheck, Scenario } from './scenario.ts';

const FRIEND = 'spiffe://cluster.local/ns/default/sa/client';
const XFCC = 'x-forwarded-client-cert';
const SENT = 'Hash=aa;URI=spiffe://elsewhere/ns/a/sa/b';
const HASH = '[0-9a-f]{64}';
const BY = String.raw`By=spiffe://cluster\.local/ns/default/sa/server;Hash=${HASH}`;
const URI = String.raw`URI=spiffe://cluster\.local/ns/default/sa/client`;
const OWN = `${BY};Subject="";${URI}`;
const whole = (text: string): RegExp => new RegExp(`^${text}$`);

/** Straight to the server's sidecar, with a certificate of the mesh or without. */
const mutual: Call = {
  via: 'server',
  tls: { identity: FRIEND, alpn: ['istio-http/1.1', 'istio', 'http/1.1'] },
  headers: { [XFCC]: SENT },
};
const plain: Call = { via: 'server', headers: { [XFCC]: SENT } };
const sees = (upstream: HeaderCheck): Expectation => ({ status: 200, backend: 'server', upstream });

function headers(name: string, field: string, text: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `proxy headers: ${name}`,
    proves: [`MeshConfig.defaultConfig.proxyHeaders.${field}`],
    mesh: text === '' ? '' : `defaultConfig: { proxyHeaders: { ${text} } }\n`,
    config: '',
    steps,
  };
}

/** What an application behind a sidecar sees of a caller with a certificate, and of one without. */
const forwarded = (mode: string, known: string | RegExp | null, unknown: string | null): Scenario =>
  headers(
    `forwardedClientCert ${mode}`,
    'forwardedClientCert',
    mode === 'UNDEFINED' ? '' : `forwardedClientCert: ${mode}`,
    { call: mutual, expect: sees({ [XFCC]: known }) },
    { call: plain, expect: sees({ [XFCC]: unknown }) },
  );

const parts = (text: string, own: string): Scenario =>
  headers(
    `setCurrentClientCertDetails ${text}`,
    'setCurrentClientCertDetails',
    `setCurrentClientCertDetails: { ${text} }`,
    {
      call: { ...mutual, headers: {} },
      expect: sees({ [XFCC]: whole(own) }),
    },
  );

const CERTIFICATES: Feature = [
  forwarded('UNDEFINED', whole(`${SENT},${OWN}`), null),
  forwarded('APPEND_FORWARD', whole(`${SENT},${OWN}`), null),
  forwarded('SANITIZE', null, null),
  forwarded('FORWARD_ONLY', SENT, null),
  forwarded('SANITIZE_SET', whole(OWN), null),
  forwarded('ALWAYS_FORWARD_ONLY', SENT, SENT),
  parts('subject: false', `${BY};${URI}`),
  parts('uri: false', `${BY};Subject=""`),
  parts('cert: true', `${BY};Cert="-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%-]+%0A";Subject="";${URI}`),
];

const OTHERS: Feature = [
  headers('as they are', 'server.value', '', {
    call: { to: 'web:8000' },
    expect: {
      status: 200,
      upstream: { 'x-request-id': /^[0-9a-f-]{36}$/, 'x-envoy-attempt-count': '1' },
      downstream: { server: 'istio-envoy', 'x-envoy-upstream-service-time': /^\d+$/ },
    },
  }),
  headers('server: a name of our own', 'server.value', 'server: { value: edge }', {
    call: { via: 'server' },
    expect: { status: 200, downstream: { server: 'edge' } },
  }),
  headers('server: what the application says', 'server.disabled', 'server: { disabled: true }', {
    call: { via: 'server' },
    expect: { status: 200, downstream: { server: null } },
  }),
  headers('no x-request-id', 'requestId.disabled', 'requestId: { disabled: true }', {
    call: { to: 'web:8000' },
    expect: { status: 200, upstream: { 'x-request-id': null } },
  }),
  headers('no x-envoy-attempt-count', 'attemptCount.disabled', 'attemptCount: { disabled: true }', {
    call: { to: 'web:8000' },
    expect: { status: 200, upstream: { 'x-envoy-attempt-count': null } },
  }),
  headers('no debug headers of Envoy', 'envoyDebugHeaders.disabled', 'envoyDebugHeaders: { disabled: true }', {
    call: { to: 'web:8000' },
    expect: {
      status: 200,
      upstream: { 'x-envoy-expected-rq-timeout-ms': null },
      downstream: { 'x-envoy-upstream-service-time': null },
    },
  }),
  headers('x-forwarded-port', 'xForwardedPort.enabled', 'xForwardedPort: { enabled: true }', {
    call: { via: 'server' },
    expect: sees({ 'x-forwarded-port': /^\d+$/ }),
  }),
];

export const feature: Feature = [...CERTIFICATES, ...OTHERS];
