// What the Gateway API's objects mean: routes in order of precedence, failed backends as 500, references only where granted; and that it is legal configuration.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest } from '#config';
import type { KubeObject } from '#kube';
import { convertGatewayApi } from './convert.ts';
import type { GatewayApiInput, KubernetesGateway, ReferenceGrant, Route, RouteRule } from './resources.ts';

const gateway = (listeners: KubernetesGateway['spec']['listeners'], name = 'gw'): KubernetesGateway => ({
  kind: 'Gateway',
  metadata: { name, namespace: 'infra', generation: 3 },
  spec: { gatewayClassName: 'istio', listeners },
});
const http = { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' as const } } };
const parent = { name: 'gw', namespace: 'infra' };
function route(
  rules: readonly RouteRule[],
  more: Partial<Route['spec']> = {},
  name = 'r',
  kind: Route['kind'] = 'HTTPRoute',
): Route {
  return {
    kind,
    metadata: { name, namespace: 'shop', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { parentRefs: [parent], hostnames: ['shop.example'], rules, ...more },
  };
}
const to = (name: string, more: object = {}) => ({ name, port: 80, ...more });
function input(routes: readonly Route[], more: Partial<GatewayApiInput> = {}): GatewayApiInput {
  return {
    gateways: [gateway([http])],
    routes,
    grants: [],
    backendTlsPolicies: [],
    namedPort: (_, name, port) => (name === 'a' && port === 'https' ? 80 : undefined),
    caCertificates: () => undefined,
    destinationRule: () => undefined,
    classes: new Set(['istio']),
    namespaceLabels: (name) => ({ name }),
    secretData: () => ({}),
    hasCertificate: (_, name) => name === 'cert',
    domain: 'cluster.local',
    servicePorts: (namespace, name) =>
      namespace === 'shop' && ['a', 'b'].includes(name)
        ? [80]
        : namespace === 'other' && name === 'c'
          ? [80]
          : undefined,
    ...more,
  };
}
function virtualServices(from: GatewayApiInput): readonly KubeObject[] {
  return convertGatewayApi(from).manifests.filter((one) => one.kind === 'VirtualService');
}
interface Spec {
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly exportTo?: readonly string[];
  readonly http?: readonly {
    readonly match?: readonly Record<string, unknown>[];
    readonly route?: readonly { destination: { host: string }; weight?: number }[];
    readonly directResponse?: unknown;
    readonly fault?: unknown;
    readonly retries?: unknown;
    readonly timeout?: string;
    readonly corsPolicy?: unknown;
  }[];
}
const specOf = (object: KubeObject | undefined): Spec => object?.['spec'] as Spec;

describe('the Gateway API', () => {
  it('binds a route to the listeners that let it in, and makes configuration that our own validation accepts', () => {
    const rules: RouteRule[] = [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/api' }, headers: [{ name: 'X-Version', value: '2' }] }],
        filters: [
          {
            type: 'URLRewrite',
            urlRewrite: { hostname: 'inner.example', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
          },
          {
            type: 'RequestHeaderModifier',
            requestHeaderModifier: { set: [{ name: 'x-a', value: '1' }], remove: ['x-b'] },
          },
        ],
        backendRefs: [to('a', { weight: 3 }), to('b', { weight: 1 })],
        timeouts: { request: '3s' },
      },
      {
        matches: [{ path: { type: 'Exact', value: '/old' } }],
        filters: [
          {
            type: 'RequestRedirect',
            requestRedirect: {
              scheme: 'https',
              statusCode: 301,
              path: { type: 'ReplaceFullPath', replaceFullPath: '/new' },
            },
          },
        ],
      },
      { filters: [{ type: 'RequestMirror', requestMirror: { backendRef: to('b') } }], backendRefs: [to('a')] },
    ];
    const made = convertGatewayApi(input([route(rules)]));
    for (const manifest of made.manifests) {
      const { object, complaints } = parseManifest(manifest);
      assert.ok(object !== undefined, JSON.stringify(complaints.filter((one) => one.severity === 'error')));
    }
    assert.deepEqual(
      made.manifests.map(({ kind }) => kind),
      ['Gateway', 'VirtualService'],
    );
    assert.deepEqual(
      made.routes[0]?.parents[0]?.conditions.map(({ type, status }) => `${type}=${status}`),
      ['Accepted=True', 'ResolvedRefs=True'],
    );
    assert.equal(made.gateways[0]?.listeners[0]?.attachedRoutes, 1);
  });

  it('orders by path, method, headers and query, whichever route they come from', () => {
    const younger = {
      ...route(
        [
          { matches: [{ path: { type: 'Exact', value: '/a' } }], backendRefs: [to('b')] },
          { matches: [{ path: { value: '/a/b' } }], backendRefs: [to('b')] },
        ],
        {},
        's',
      ),
      metadata: { name: 's', namespace: 'shop', creationTimestamp: '2026-02-01T00:00:00Z' },
    } as Route;
    const older = route([
      { backendRefs: [to('a')] },
      {
        matches: [{ path: { value: '/a' } }, { path: { value: '/a' }, headers: [{ name: 'h', value: 'x' }] }],
        backendRefs: [to('a')],
      },
    ]);
    const [made] = virtualServices(input([older, younger]));
    const seen = (specOf(made).http ?? []).map(
      ({ match, route: list }) => `${JSON.stringify(match?.[0] ?? {})} ${list?.[0]?.destination.host.slice(0, 1)}`,
    );
    assert.deepEqual(seen, [
      '{"uri":{"exact":"/a"}} b',
      '{"uri":{"exact":"/a/b"}} b',
      '{"uri":{"exact":"/a"},"headers":{"h":{"exact":"x"}}} a',
      '{"uri":{"exact":"/a"}} a',
      '{} a',
    ]);
  });

  it('takes a prefix by segments', () => {
    const [made] = virtualServices(
      input([route([{ matches: [{ path: { value: '/get' } }], backendRefs: [to('a')] }])]),
    );
    assert.deepEqual(specOf(made).http?.[0]?.match, [{ uri: { exact: '/get' } }, { uri: { prefix: '/get/' } }]);
  });

  it('answers 500 for the share of a backend that does not exist, and says so', () => {
    const made = convertGatewayApi(
      input([
        route([
          { backendRefs: [to('a', { weight: 1 }), to('gone', { weight: 3 })] },
          { matches: [{ path: { value: '/x' } }], backendRefs: [to('gone')] },
        ]),
      ]),
    );
    const entries = specOf(made.manifests.find(({ kind }) => kind === 'VirtualService')).http ?? [];
    assert.deepEqual(entries[0]?.directResponse, { status: 500 });
    assert.deepEqual(entries[1]?.fault, { abort: { httpStatus: 500, percentage: { value: 75 } } });
    assert.equal(made.routes[0]?.parents[0]?.conditions[1]?.reason, 'BackendNotFound');
  });

  it('refers to another namespace only where a ReferenceGrant lets it', () => {
    const across = route([{ backendRefs: [to('c', { namespace: 'other' })] }]);
    const grant: ReferenceGrant = {
      metadata: { name: 'g', namespace: 'other' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }],
        to: [{ group: '', kind: 'Service', name: 'c' }],
      },
    };
    const reason = (grants: readonly ReferenceGrant[]): string | undefined =>
      convertGatewayApi(input([across], { grants })).routes[0]?.parents[0]?.conditions[1]?.reason;
    assert.equal(reason([]), 'RefNotPermitted');
    assert.equal(reason([{ ...grant, metadata: { name: 'g', namespace: 'elsewhere' } }]), 'RefNotPermitted');
    assert.equal(reason([grant]), 'ResolvedRefs');
  });

  it('keeps a route out of listeners of other namespaces, kinds or hosts, each with its reason', () => {
    const reason = (listener: object, spec: Partial<Route['spec']> = {}): string | undefined =>
      convertGatewayApi(
        input([route([{ backendRefs: [to('a')] }], spec)], { gateways: [gateway([{ ...http, ...listener }])] }),
      ).routes[0]?.parents[0]?.conditions[0]?.reason;
    assert.equal(reason({}), 'Accepted');
    assert.equal(reason({ allowedRoutes: {} }), 'NotAllowedByListeners');
    assert.equal(
      reason({ allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { name: 'shop' } } } } }),
      'Accepted',
    );
    assert.equal(
      reason({ allowedRoutes: { namespaces: { from: 'All' }, kinds: [{ kind: 'GRPCRoute' }] } }),
      'NotAllowedByListeners',
    );
    assert.equal(reason({ hostname: 'other.example' }), 'NoMatchingListenerHostname');
    assert.equal(reason({ hostname: '*.example' }), 'Accepted');
    assert.equal(reason({}, { parentRefs: [{ ...parent, sectionName: 'none' }] }), 'NoMatchingParent');
  });

  it('does not speak about Gateways of other classes', () => {
    const made = convertGatewayApi(input([route([{ backendRefs: [to('a')] }])], { classes: new Set() }));
    assert.deepEqual([made.manifests, made.gateways, made.routes], [[], [], []]);
  });

  it('serves a listener only with a certificate that is there', () => {
    const https = (name: string): KubernetesGateway =>
      gateway([{ name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name }] } }]);
    const made = (name: string) => convertGatewayApi(input([], { gateways: [https(name)] }));
    assert.equal(
      (made('cert').manifests[0]!['spec'] as { servers: { tls: { credentialName: string } }[] }).servers[0]?.tls
        .credentialName,
      'cert',
    );
    assert.deepEqual(made('missing').manifests, []);
    assert.ok(
      made('missing').gateways[0]?.listeners[0]?.conditions.some((one) => one.reason === 'InvalidCertificateRef'),
    );
  });

  it("makes mesh routes of a Service: the producer's for all, the consumer's for its namespace", () => {
    const mesh = (namespace: string, name: string): KubeObject | undefined =>
      virtualServices(
        input([
          route([{ backendRefs: [to('a')] }], {
            parentRefs: [{ group: '', kind: 'Service', namespace, name, port: 80 }],
          }),
        ]),
      )[0];
    assert.deepEqual(
      [specOf(mesh('shop', 'a')).hosts, specOf(mesh('shop', 'a')).gateways, specOf(mesh('shop', 'a')).exportTo],
      [['a.shop.svc.cluster.local'], ['mesh'], undefined],
    );
    assert.deepEqual(specOf(mesh('other', 'c')).exportTo, ['.']);
    assert.deepEqual(specOf(mesh('shop', 'a')).http?.[0]?.match, [{ port: 80 }]);
  });

  it('leaves the other ports of a Service alone when a route is for one of them', () => {
    const one = route([{ backendRefs: [to('a')] }], {
      parentRefs: [{ group: '', kind: 'Service', name: 'a', port: 80 }],
      hostnames: [],
    });
    const [made] = virtualServices(input([one], { servicePorts: () => [80, 8080] }));
    assert.deepEqual(
      specOf(made).http?.map(({ match }) => match),
      [[{ port: 80 }], [{ port: 8080 }]],
    );
    assert.deepEqual(specOf(made).http?.[1]?.route, [
      { destination: { host: 'a.shop.svc.cluster.local', port: { number: 8080 } } },
    ]);
  });

  it('takes retries and cross-origin rules over', () => {
    const [made] = virtualServices(
      input([
        route([
          {
            filters: [{ type: 'CORS', cors: { allowOrigins: ['https://a.example', 'https://*.b.example', '*'] } }],
            retry: { codes: [500, 503], attempts: 3, backoff: '100ms' },
            timeouts: { request: '9s', backendRequest: '2s' },
            backendRefs: [to('a')],
          },
        ]),
      ]),
    );
    const [preflight, entry] = specOf(made).http ?? [];
    assert.deepEqual(preflight?.match, [
      {
        method: { exact: 'OPTIONS' },
        headers: {
          origin: { regex: '(?:https://a\\.example)|(?:https://.+\\.b\\.example)|(?:.*)' },
          'access-control-request-method': { regex: '.+' },
        },
      },
    ]);
    assert.deepEqual(preflight.directResponse, { status: 200 });
    assert.deepEqual(entry?.retries, {
      attempts: 3,
      retryOn: 'connect-failure,refused-stream,reset,500,503',
      backoff: '100ms',
      perTryTimeout: '2s',
    });
    assert.equal(entry.timeout, '9s');
    assert.deepEqual(entry.corsPolicy, {
      allowOrigins: [{ exact: 'https://a.example' }, { regex: 'https://.+\\.b\\.example' }, { regex: '.*' }],
      maxAge: '5s',
      unmatchedPreflights: 'IGNORE',
    });
  });

  it('answers preflights with what is exposed, and with what is asked for where all is allowed', () => {
    const cors = {
      allowOrigins: ['*'],
      allowMethods: ['*'],
      allowHeaders: ['x-a', 'x-b'],
      exposeHeaders: ['x-c'],
      allowCredentials: true,
      maxAge: 60,
    };
    const [made] = virtualServices(input([route([{ filters: [{ type: 'CORS', cors }], backendRefs: [to('a')] }])]));
    const [preflight] = (made!['spec'] as { http: { headers?: unknown }[] }).http;
    assert.deepEqual(preflight?.headers, {
      response: {
        set: {
          'access-control-allow-origin': '%REQ(origin)%',
          'access-control-allow-methods': '%REQ(access-control-request-method)%',
          'access-control-allow-headers': 'x-a,x-b',
          'access-control-expose-headers': 'x-c',
          'access-control-allow-credentials': 'true',
          'access-control-max-age': '60',
          vary: 'Origin',
        },
      },
    });
  });

  it('lets a consumer’s route name a Service of another namespace without a grant', () => {
    const made = convertGatewayApi(
      input([
        route([{ backendRefs: [to('c', { namespace: 'other' })] }], {
          hostnames: [],
          parentRefs: [{ group: '', kind: 'Service', namespace: 'other', name: 'c' }],
        }),
      ]),
    );
    const [made0] = made.manifests.filter(({ kind }) => kind === 'VirtualService');
    assert.equal(specOf(made0).http?.[0]?.route?.[0]?.destination.host, 'c.other.svc.cluster.local');
    assert.ok(made.routes[0]?.parents[0]?.conditions.every(({ status }) => status === 'True'));
  });

  it('keeps listeners of a port apart: a host is the narrowest one’s, which answers 404 where it has no route', () => {
    const listeners = ['', '*.example', '*.a.example', 'b.a.example'].map((hostname, i) => ({
      ...http,
      name: `l${i}`,
      ...(hostname === '' ? {} : { hostname }),
    }));
    const hosts = ['shop.test', '*.example', '*.a.example', 'b.a.example'];
    const made = virtualServices(
      input(
        [route([{ backendRefs: [to('a')] }], { hostnames: hosts, parentRefs: [{ ...parent, sectionName: 'l0' }] })],
        {
          gateways: [gateway(listeners)],
        },
      ),
    ).map((object) => ({ host: specOf(object).hosts[0], answer: specOf(object).http?.[0]?.directResponse }));
    assert.deepEqual(made, [
      { host: 'shop.test', answer: undefined },
      { host: '*.example', answer: { status: 404 } },
      { host: '*.a.example', answer: { status: 404 } },
      { host: 'b.a.example', answer: { status: 404 } },
    ]);
  });

  it('knows gRPC methods and TLS by server name', () => {
    const grpc = specOf(
      virtualServices(
        input([
          route(
            [
              {
                matches: [{ method: { service: 'a.B', method: 'Get' } }, { method: { service: 'a.B' } }],
                backendRefs: [to('a')],
              },
            ],
            {},
            'g',
            'GRPCRoute',
          ),
        ]),
      )[0],
    );
    assert.deepEqual(
      grpc.http?.map(({ match }) => match?.[0]),
      [{ uri: { exact: '/a.B/Get' } }, { uri: { exact: '/a.B' } }],
    );
    const tls = virtualServices(
      input([route([{ backendRefs: [to('a')] }], {}, 't', 'TLSRoute')], {
        gateways: [
          gateway([
            {
              name: 'tls',
              port: 443,
              protocol: 'TLS',
              tls: { mode: 'Passthrough' },
              allowedRoutes: { namespaces: { from: 'All' } },
            },
          ]),
        ],
      }),
    )[0];
    assert.deepEqual((tls!['spec'] as { tls: unknown[] }).tls, [
      {
        match: [{ sniHosts: ['shop.example'] }],
        route: [{ destination: { host: 'a.shop.svc.cluster.local', port: { number: 80 } } }],
      },
    ]);
  });
});
