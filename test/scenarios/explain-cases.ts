// The prepared cases of explain: what goes wrong, by which configuration, and what has to be said of it.
import { generateKeyPairSync, sign } from 'node:crypto';
import type { TapRecordJson, VerdictCode } from '#api';
import type { Order, TestMesh } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';

export interface Case {
  readonly expected: VerdictCode;
  /** Among the words or the facts of the hop that says so. */
  readonly facts?: Partial<Record<keyof TapRecordJson, RegExp>>;
  readonly config?: string;
  /** `external` to one of the servers that the test runs, by name. */
  readonly server?: string;
  /** The traffic policy of `server`. */
  readonly tls?: string;
  /** What the hop went by, as `explain` prints it. */
  readonly because?: RegExp;
  readonly order?: Partial<Order>;
  readonly to?: string;
  readonly prepare?: (mesh: TestMesh) => Promise<void>;
  /** In the place of an order to the frontend: a caller from outside the mesh. */
  readonly act?: (mesh: TestMesh) => Promise<unknown>;
  /** On Envoy, where that differs: it retries what our proxy does not, and says less of a handshake. */
  readonly onEnvoy?: VerdictCode;
  /** Envoy does not come to this point within the test's few requests, or says nothing of it. */
  readonly only?: 'topsail';
}

const virtualService = (http: string, host = 'reviews'): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: case, namespace: default }
spec:
  hosts: [${host}]
  http: ${http}
`;
const destinationRule = (policy: string, host = 'reviews'): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: case, namespace: default }
spec:
  host: ${host}
  trafficPolicy: ${policy}
`;
const policy = (spec: string, annotations = '{}'): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: case, namespace: default, annotations: ${annotations} }
spec: { selector: { matchLabels: { app: reviews } }, ${spec} }
`;
export const external = (port: number, tls = ''): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: case, namespace: default }
spec:
  hosts: [outside.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
${tls === '' ? '' : `---\n${destinationRule(tls, 'outside.example')}`}`;
const TO = '{ destination: { host: reviews } }';
export const aborting = (status: number): string =>
  virtualService(`[{ fault: { abort: { httpStatus: ${status}, percentage: { value: 100 } } }, route: [${TO}] }]`);
export const failing =
  (status: number) =>
  async (mesh: TestMesh): Promise<void> => {
    await Promise.all(['reviews-v1', 'reviews-v2'].map((name) => mesh.fail(name, status)));
  };

const outsideInPlaintext = async (mesh: TestMesh): Promise<unknown> =>
  await callPlain(await mesh.meshAddress('reviews-v1'));

const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = JSON.stringify({
  keys: [{ ...KEYS.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'ES256' }],
});
const requestAuthentication = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: case, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  jwtRules: [{ issuer: someone, audiences: [here], jwks: '${jwks}' }]
`;

/** A token of `someone` for `here` that is well, but for what is said. */
function token(claims: Readonly<Record<string, unknown>>): { readonly authorization: string } {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: 'ES256', kid: 'k' })}.${part({ iss: 'someone', sub: 'ann', aud: 'here', exp: seconds + 3600, ...claims })}`;
  const signature = sign('sha256', Buffer.from(text), { key: KEYS.privateKey, dsaEncoding: 'ieee-p1363' });
  return { authorization: `Bearer ${text}.${signature.toString('base64url')}` };
}

/** A proxy is asked for a tunnel, which has no path. */
const tunnelTo = (url: string): Pick<Case, 'act'> => ({
  act: async (mesh) => await mesh.order('frontend', { url, timeoutMs: 12_000 }),
});
const ONLY_DECLARED = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: case, namespace: default }
spec: { outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`;

export const CASES: Readonly<Record<string, Case>> = {
  'nothing is wrong': { expected: 'forwarded' },
  'no match fits': {
    expected: 'no-route',
    config: virtualService(`[{ match: [{ uri: { prefix: /only-this } }], route: [${TO}] }]`),
  },
  'the route leads nowhere': {
    expected: 'no-cluster',
    config: virtualService('[{ route: [{ destination: { host: nowhere.default.svc.cluster.local } }] }]'),
  },
  'a service without workloads': { expected: 'no-endpoint', to: 'http://empty:9080' },
  'a port that its service does not have': {
    expected: 'undeclared-failed',
    facts: { route: /^allow_any/ },
    because: /PassthroughCluster: port 9999 is none of reviews\.default\.svc\.cluster\.local \(9080\)/,
    ...tunnelTo('http://reviews:9999'),
  },
  'a port that its service does not have, and only what is declared may be called': {
    expected: 'undeclared-failed',
    config: ONLY_DECLARED,
    facts: { route: /^block_all$/ },
    because: /BlackHoleCluster: port 9999 is none of reviews\.default\.svc\.cluster\.local \(9080\)/,
    ...tunnelTo('http://reviews:9999'),
  },
  'a host that nothing declares, and nobody knows': {
    expected: 'undeclared-failed',
    facts: { route: /^allow_any/ },
    because: /PassthroughCluster: no Service or ServiceEntry declares nowhere\.invalid:80, .* could not be resolved/,
    ...tunnelTo('http://nowhere.invalid'),
  },
  'a fault aborts': {
    expected: 'fault-aborted',
    config: aborting(500),
    because: /because of VirtualService default\/case spec\.http\[0\] \(.*case\.yaml:6\)/,
  },
  'a fault delays': {
    expected: 'delayed',
    config: virtualService(`[{ fault: { delay: { fixedDelay: 0.05s, percentage: { value: 100 } } }, route: [${TO}] }]`),
  },
  'a fault delays and aborts': {
    expected: 'fault-aborted',
    facts: { flags: /DI/ },
    config: virtualService(
      `[{ fault: { delay: { fixedDelay: 0.05s, percentage: { value: 100 } }, abort: { httpStatus: 503, percentage: { value: 100 } } }, route: [${TO}] }]`,
    ),
  },
  'the route gives it too little time': {
    expected: 'timeout',
    config: virtualService(`[{ timeout: 0.2s, route: [${TO}] }]`),
    to: 'http://reviews:9080?wait=3000',
  },
  'each try has too little time': {
    expected: 'try-timeout',
    config: virtualService(
      `[{ retries: { attempts: 1, perTryTimeout: 0.1s, retryOn: gateway-error }, timeout: 10s, route: [${TO}] }]`,
    ),
    to: 'http://reviews:9080?wait=3000',
  },
  'every try fails': {
    expected: 'retries-exhausted',
    facts: { attempts: /^[23]$/ },
    config: virtualService(`[{ retries: { attempts: 2, retryOn: 5xx }, route: [${TO}] }]`),
    prepare: failing(503),
  },
  'the first try fails, another does not': {
    expected: 'after-retries',
    config: virtualService(`[{ retries: { attempts: 5, retryOn: 5xx }, route: [${TO}] }]`),
    prepare: async (mesh) => await mesh.fail('reviews-v1', 503),
    order: { count: 30 },
  },
  'the application fails': { expected: 'application-failed', prepare: failing(500) },
  'the application refuses': { expected: 'application-refused', prepare: failing(409) },
  'a policy denies': {
    expected: 'denied',
    facts: { policy: /policy\[case\]-rule\[0\]/ },
    because: /because of AuthorizationPolicy default\/case spec\.rules\[0\] \(.*case\.yaml:4\)/,
    config: policy('action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }]'),
  },
  'no policy allows': {
    expected: 'denied',
    config: policy('action: ALLOW, rules: [{ to: [{ operation: { methods: [PUT] } }] }]'),
  },
  'a policy would deny': {
    expected: 'forwarded',
    facts: { shadowPolicy: /policy\[case\]-rule\[0\]/ },
    config: policy(
      'action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }]',
      '{ istio.io/dry-run: "true" }',
    ),
  },
  'the token is no token': {
    expected: 'jwt-refused',
    config: `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: case, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  jwtRules: [{ issuer: someone, jwks: '{"keys":[]}' }]
`,
    order: { headers: { authorization: 'Bearer nonsense' } },
  },
  'the token has expired': {
    expected: 'jwt-refused',
    facts: { details: /expired/i },
    config: requestAuthentication,
    order: { headers: token({ exp: 1_000_000_000 }) },
  },
  'the token is for somebody else': {
    expected: 'jwt-refused',
    facts: { details: /audience/i },
    config: requestAuthentication,
    order: { headers: token({ aud: 'elsewhere' }) },
  },
  'the token is of another issuer': {
    expected: 'jwt-refused',
    facts: { details: /issuer/i },
    config: requestAuthentication,
    order: { headers: token({ iss: 'stranger' }) },
  },
  'the token is missing where a policy wants one': {
    expected: 'denied',
    config: `${requestAuthentication}---\n${policy('action: DENY, rules: [{ from: [{ source: { notRequestPrincipals: ["*"] } }] }]')}`,
    facts: { policy: /policy\[case\]-rule\[0\]/ },
  },
  'the token is well': {
    expected: 'forwarded',
    config: `${requestAuthentication}---\n${policy('action: ALLOW, rules: [{ from: [{ source: { requestPrincipals: ["someone/ann"] } }] }]')}`,
    order: { headers: token({}) },
  },
  'plaintext where mutual TLS is demanded': {
    expected: 'no-chain',
    facts: { direction: /inbound/, workload: /reviews-v1/, mtls: /false/ },
    config: `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: case, namespace: default }
spec: { selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }
`,
    act: outsideInPlaintext,
  },
  'a caller without a certificate where a policy names identities': {
    expected: 'denied',
    facts: { direction: /inbound/, mtls: /false/ },
    config: policy('action: ALLOW, rules: [{ from: [{ source: { principals: ["*"] } }] }]'),
    act: outsideInPlaintext,
  },
  'the endpoint takes too long for its handshake': {
    expected: 'connect-timeout',
    server: 'mute',
    tls: '{ connectionPool: { tcp: { connectTimeout: 0.3s } }, tls: { mode: SIMPLE } }',
    to: 'http://outside.example',
  },
  'the endpoint breaks off a stream': {
    expected: 'reset-by-endpoint',
    server: 'resets',
    tls: '{ connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }',
    to: 'http://outside.example',
    // What may be sent twice is tried again.
    order: { method: 'POST', body: 'x' },
    onEnvoy: 'reset-by-endpoint',
  },
  'more requests than the circuit breaker allows': {
    expected: 'circuit-open',
    config: destinationRule(
      '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 1 } } }',
    ),
    to: 'http://reviews:9080?wait=400',
    order: { count: 20, concurrency: 20 },
  },
  'nobody listens': { expected: 'connect-refused', config: external(1), to: 'http://outside.example' },
  'the endpoint shows another identity': {
    expected: 'san-mismatch',
    config: destinationRule(
      '{ tls: { mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/somebody-else"] } }',
    ),
  },
  'the caller gives up': {
    expected: 'caller-gone',
    to: 'http://reviews:9080?wait=3000',
    order: { timeoutMs: 300 },
  },
  'a route redirects': {
    expected: 'redirected',
    config: virtualService('[{ redirect: { uri: /elsewhere } }]'),
  },
  'a route answers': {
    expected: 'answered-by-route',
    config: virtualService('[{ directResponse: { status: 418 } }]'),
  },
  'a preflight': {
    expected: 'preflight',
    config: virtualService(
      `[{ corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], allowMethods: [GET] }, route: [${TO}] }]`,
    ),
    order: {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' },
    },
  },
  'all endpoints are ejected': {
    expected: 'no-endpoint',
    only: 'topsail',
    config: destinationRule(
      '{ outlierDetection: { consecutive5xxErrors: 2, interval: 0.2s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
    ),
    prepare: failing(500),
    order: { count: 40 },
  },
  'the second rule of a policy denies': {
    expected: 'denied',
    facts: { policy: /policy\[case\]-rule\[1\]/ },
    config: policy(
      'action: DENY, rules: [{ to: [{ operation: { methods: [DELETE] } }] }, { from: [{ source: { principals: ["*/sa/frontend"] } }] }]',
    ),
  },
  'no policy allows this caller': {
    expected: 'denied',
    config: policy(
      'action: ALLOW, rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/nobody] } }] }]',
    ),
  },
  'a policy wants a token': {
    expected: 'denied',
    config: policy('action: ALLOW, rules: [{ from: [{ source: { requestPrincipals: ["*"] } }] }]'),
  },
  'a policy denies a path': {
    expected: 'denied',
    facts: { policy: /policy\[case\]-rule\[0\]/ },
    config: policy('action: DENY, rules: [{ to: [{ operation: { paths: ["/case-*"] } }] }]'),
  },
  'the authorizer denies': {
    expected: 'external-denied',
    facts: { flags: /UAEX/ },
    config: policy('action: CUSTOM, provider: { name: guard }, rules: [{}]'),
  },
  'the authorizer is away': {
    expected: 'external-failed',
    facts: { flags: /UAEX/ },
    config: policy('action: CUSTOM, provider: { name: away }, rules: [{}]'),
  },
  'the body is larger than the authorizer takes': {
    expected: 'too-large',
    config: policy('action: CUSTOM, provider: { name: small }, rules: [{}]'),
    order: { method: 'POST', body: 'x'.repeat(1000) },
  },
  'a subset without workloads': {
    expected: 'no-endpoint',
    config: `${virtualService('[{ route: [{ destination: { host: reviews, subset: v9 } }] }]')}---
${destinationRule('{}').replace('trafficPolicy: {}', 'subsets: [{ name: v9, labels: { version: v9 } }]')}`,
  },
  'a name that no server of names knows': {
    expected: 'no-endpoint',
    config: external(80).replace('STATIC', 'DNS').replace('address: 127.0.0.1', 'address: nowhere.invalid'),
    to: 'http://outside.example',
  },
  'a route goes by a header': {
    expected: 'forwarded',
    facts: { route: /^jason$/ },
    because: /because of VirtualService default\/case spec\.http\[0\]/,
    config: virtualService(
      `[{ name: jason, match: [{ headers: { end-user: { exact: jason } } }], route: [${TO}] }, { name: others, route: [${TO}] }]`,
    ),
    order: { headers: { 'end-user': 'jason' } },
  },
  'a route that is left over': {
    expected: 'forwarded',
    facts: { route: /^others$/ },
    because: /because of VirtualService default\/case spec\.http\[1\]/,
    config: virtualService(
      `[{ name: jason, match: [{ headers: { end-user: { exact: jason } } }], route: [${TO}] }, { name: others, route: [${TO}] }]`,
    ),
  },
  'a caller that is told to send plaintext': {
    expected: 'forwarded',
    facts: { mtls: /^false$/, direction: /outbound/ },
    because: /because of DestinationRule default\/case spec\.trafficPolicy \(.*case\.yaml:6\)/,
    // Beside an Envoy it is told what the endpoint speaks, not what the rule asks for.
    only: 'topsail',
    config: destinationRule('{ tls: { mode: DISABLE } }'),
  },
  'the endpoint speaks no HTTP': {
    expected: 'endpoint-protocol',
    onEnvoy: 'retries-exhausted',
    server: 'nonsense',
    to: 'http://outside.example',
  },
  'the endpoint answers with a status of gRPC': {
    expected: 'grpc-failed',
    server: 'grpc',
    to: 'http://outside.example',
    order: { method: 'POST', headers: { 'content-type': 'application/grpc' }, body: '' },
  },
  'the endpoint hangs up': {
    expected: 'closed-by-endpoint',
    onEnvoy: 'retries-exhausted',
    server: 'rude',
    to: 'http://outside.example',
  },
  'the endpoint speaks plaintext where TLS is asked for': {
    expected: 'tls-failed',
    // Envoy says no more than that the connection failed before it was one.
    onEnvoy: 'connect-failed',
    server: 'rude',
    tls: '{ tls: { mode: SIMPLE } }',
    to: 'http://outside.example',
  },
  'the endpoint does not know the server name': {
    expected: 'tls-failed',
    onEnvoy: 'connect-failed',
    server: 'choosy',
    tls: '{ tls: { mode: SIMPLE, insecureSkipVerify: true, sni: unknown.example } }',
    to: 'http://outside.example',
  },
  "the endpoint's certificate is nobody's": {
    expected: 'tls-failed',
    server: 'choosy',
    tls: '{ tls: { mode: SIMPLE, sni: known.example } }',
    to: 'http://outside.example',
  },
};
