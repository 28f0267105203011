import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { runAtOnce } from '#base';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { RouteSchema, VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { OmitHostMetadataConfigSchema } from '#proto/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { UriTemplateMatchConfigSchema } from '#proto/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import { UriTemplateRewriteConfigSchema } from '#proto/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts';
import { HeaderBlock } from '#wire/http';
import { packAny } from '#proto';
import { ConfigError } from '../errors.ts';
import { testConnection, testHead, testInput } from '../match-input.testing.ts';
import { loadRegexEngine } from '../matcher/regex.ts';
import {
  hashRequest,
  RouteTable,
  type ForwardTarget,
  type RedirectTarget,
  type RouteOptions,
  type RouteTarget,
} from './index.ts';

before(() => loadRegexEngine());

const warnings: string[] = [];
const options: RouteOptions = {
  decodeFilterConfig: (name, config) => `${name}:${config.typeUrl}`,
  warn: (field) => void warnings.push(field),
};

type RouteInit = MessageInitShape<typeof RouteSchema>;
type HostInit = MessageInitShape<typeof VirtualHostSchema>;

function table(
  hosts: HostInit[],
  more: Omit<MessageInitShape<typeof RouteConfigurationSchema>, '$typeName'> = {},
): RouteTable {
  return runAtOnce(
    RouteTable.compile(create(RouteConfigurationSchema, { name: 'rc', virtualHosts: hosts, ...more }), options),
  );
}

function routes(...list: RouteInit[]): RouteTable {
  return table([{ name: 'all', domains: ['*'], routes: list }]);
}

function to(cluster: string) {
  return { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: cluster } } } as const;
}

function target(t: RouteTable, more: Parameters<typeof testHead>[0] = {}): RouteTarget {
  const choice = t.choose(testInput(testHead(more)), 0);
  assert.ok(choice !== undefined);
  return choice.route.action;
}

const prefix = (value: string) => ({ pathSpecifier: { case: 'prefix', value } }) as const;

function cluster(t: RouteTable, more: Parameters<typeof testHead>[0], random = 0): string | undefined {
  return t.choose(testInput(testHead(more)), random)?.cluster;
}

test('the most specific domain wins: exact, longest suffix, longest prefix, any', () => {
  const host = (name: string, ...domains: string[]): HostInit => ({
    name,
    domains,
    routes: [{ match: prefix('/'), action: to(name) }],
  });
  const t = table([
    host('exact', 'www.foo.com', 'www.foo.com:8080'),
    host('suffix', '*.foo.com'),
    host('longer', '*-bar.foo.com'),
    host('prefix', 'foo.*'),
    host('any', '*'),
  ]);
  const cases = [
    ['www.foo.com', 'exact'],
    ['WWW.Foo.COM', 'exact'],
    ['www.foo.com:8080', 'exact'],
    ['www.foo.com:81', 'any'],
    ['a.foo.com', 'suffix'],
    ['x-bar.foo.com', 'longer'],
    ['.foo.com', 'any'],
    ['foo.org', 'prefix'],
    ['foo.', 'any'],
    ['', 'any'],
    ['foo.com', 'prefix'],
  ] as const;
  for (const [authority, expected] of cases) assert.equal(cluster(t, { authority }), expected, authority);
});

test('escapes in a path match however they are written, and a rewrite takes away what matched', () => {
  const list: RouteInit[] = [
    { match: { pathSpecifier: { case: 'path', value: '/%c3' } }, action: to('exact') },
    { match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/s%c3' } }, action: to('separated') },
    {
      match: prefix('/%7eme/'),
      action: { case: 'route', value: { ...to('prefix').value, prefixRewrite: '/you/' } },
    },
    { match: { pathSpecifier: { case: 'safeRegex', value: { regex: '/r%c3.*' } } }, action: to('regex') },
  ];
  const many = Array.from({ length: 20 }, (_, i): RouteInit => ({ match: prefix(`/n${i}/`), action: to('other') }));
  for (const t of [routes(...list), routes(...many, ...list)]) {
    const found = (path: string): string | undefined => cluster(t, { path });
    assert.deepEqual(['/%c3', '/%C3', '/%C4'].map(found), ['exact', 'exact', undefined]);
    assert.deepEqual(['/s%C3', '/s%c3/x', '/s%C3/x', '/s%C3x'].map(found), [
      'separated',
      'separated',
      'separated',
      undefined,
    ]);
    assert.deepEqual(['/r%C3x', '/r%c3x'].map(found), ['regex', 'regex']);
    for (const path of ['/~me/a?b', '/%7eme/a?b']) {
      const forward = target(t, { path });
      assert.ok(forward.kind === 'forward');
      assert.equal(forward.rewritePath?.(path), '/you/a?b');
    }
  }
});

test('a port is ignored only when asked, and a trailing dot too', () => {
  const hosts: HostInit[] = [{ name: 'h', domains: ['shop'], routes: [{ match: prefix('/'), action: to('c') }] }];
  assert.equal(cluster(table(hosts), { authority: 'shop:80' }), undefined);
  assert.equal(cluster(table(hosts, { ignorePortInHostMatching: true }), { authority: 'shop:80' }), 'c');
  assert.equal(
    cluster(table([{ ...hosts[0], domains: ['[::1]'] }], { ignorePortInHostMatching: true }), {
      authority: '[::1]:80',
    }),
    'c',
  );
  const config = create(RouteConfigurationSchema, { virtualHosts: hosts });
  assert.equal(
    cluster(runAtOnce(RouteTable.compile(config, { ...options, stripTrailingHostDot: true })), { authority: 'shop.' }),
    'c',
  );
});

test('two hosts may not claim one domain', () => {
  assert.throws(
    () =>
      table([
        { name: 'a', domains: ['x'] },
        { name: 'b', domains: ['X'] },
      ]),
    ConfigError,
  );
  assert.throws(() => table([{ name: 'a', domains: [] }]), ConfigError);
});

test('the first matching route wins', () => {
  const t = routes(
    { match: { pathSpecifier: { case: 'path', value: '/exact' } }, action: to('exact') },
    { match: { pathSpecifier: { case: 'path', value: '/FOLD' }, caseSensitive: false }, action: to('fold') },
    { match: { pathSpecifier: { case: 'safeRegex', value: { regex: '/v[0-9]/.*' } } }, action: to('regex') },
    { match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/api' } }, action: to('separated') },
    {
      match: {
        ...prefix('/h'),
        headers: [{ name: 'end-user', headerMatchSpecifier: { case: 'exactMatch', value: 'jason' } }],
      },
      action: to('header'),
    },
    { match: { ...prefix('/q'), queryParameters: [{ name: 'debug' }] }, action: to('query') },
    { match: { ...prefix('/g'), grpc: {} }, action: to('grpc') },
    { match: { ...prefix('/t'), tlsContext: { validated: true } }, action: to('tls') },
    { match: { pathSpecifier: { case: 'connectMatcher', value: {} } }, action: to('connect') },
    { match: { ...prefix('/half'), runtimeFraction: { defaultValue: { numerator: 50 } } }, action: to('half') },
    { match: prefix('/'), action: to('rest') },
  );
  const cases: [Parameters<typeof testHead>[0], string, number?][] = [
    [{ path: '/exact?x=1#y' }, 'exact'],
    [{ path: '/Exact' }, 'rest'],
    [{ path: '/fold' }, 'fold'],
    [{ path: '/v1/x?y' }, 'regex'],
    [{ path: '/v1' }, 'rest'],
    [{ path: '/api' }, 'separated'],
    [{ path: '/api/x' }, 'separated'],
    [{ path: '/apix' }, 'rest'],
    [{ path: '/h', headers: [['End-User', 'jason']] }, 'header'],
    [{ path: '/h' }, 'rest'],
    [{ path: '/q?debug=1' }, 'query'],
    [{ path: '/g', headers: [['content-type', 'application/grpc+proto']] }, 'grpc'],
    [{ path: '/g', headers: [['content-type', 'application/grpc-web']] }, 'rest'],
    [{ method: 'CONNECT', path: '' }, 'connect'],
    [{ path: '/half' }, 'half', 0.49],
    [{ path: '/half' }, 'rest', 0.5],
  ];
  for (const [head, expected, random] of cases) assert.equal(cluster(t, head, random), expected, JSON.stringify(head));
  assert.equal(
    t.choose(testInput(testHead({ path: '/t' }), testConnection({ tls: true, mtls: true })), 0)?.cluster,
    'tls',
  );
});

test('a long list finds the same route as a scan', () => {
  const piece = fc.constantFrom('a', 'b', 'ab', 'a/b', '');
  const route = fc.oneof(
    piece.map((p) => ({ match: prefix(`/${p}`) })),
    piece.map((p) => ({
      match: { pathSpecifier: { case: 'path', value: `/${p}` } as const, caseSensitive: p.length !== 1 },
    })),
    piece
      .filter((p) => p !== '')
      .map((p) => ({ match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: `/${p}` } as const } })),
    piece.map((p) => ({ match: { ...prefix(`/${p}`), headers: [{ name: 'x' }] } })),
  );
  fc.assert(
    fc.property(
      fc.array(route, { minLength: 12, maxLength: 30 }),
      fc.array(fc.tuple(piece, fc.constantFrom('', '/b', '?q', 'A')), { minLength: 1 }),
      (list, paths) => {
        const inits = list.map((r, i) => ({ ...r, action: to(`c${i}`) }));
        const whole = routes(...inits);
        // Each on its own stays below the size from which a list is indexed.
        const single = inits.map((init) => routes(init));
        for (const [a, b] of paths) {
          const path = `/${a}${b}`;
          const expected = single.map((t) => cluster(t, { path })).find((c) => c !== undefined);
          assert.equal(cluster(whole, { path }), expected, path);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('weights split by the draw, or by a header', () => {
  const split = (headerName = '') =>
    routes({
      match: prefix('/'),
      action: {
        case: 'route',
        value: {
          clusterSpecifier: {
            case: 'weightedClusters',
            value: {
              clusters: [
                { name: 'v1', weight: 90 },
                { name: 'zero', weight: 0 },
                { name: 'v2', weight: 10, hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'two' } },
              ],
              ...(headerName === ''
                ? {}
                : { randomValueSpecifier: { case: 'headerName', value: headerName } as const }),
            },
          },
        },
      },
    });
  assert.equal(cluster(split(), {}, 0), 'v1');
  assert.equal(cluster(split(), {}, 0.8999), 'v1');
  assert.equal(cluster(split(), {}, 0.9), 'v2');
  assert.equal(cluster(split(), {}, 0.9999), 'v2');
  assert.equal(cluster(split('x-bucket'), { headers: [['x-bucket', '195']] }, 0), 'v2');
  assert.equal(cluster(split('x-bucket'), { headers: [['x-bucket', 'nan']] }, 0), 'v1');
  assert.equal(split().choose(testInput(testHead()), 0.95)?.hostRewriteLiteral, 'two');
});

test('a host that is made of the path has nothing of the query', () => {
  const regexRewrite = { pattern: { regex: '^/([a-z]+)' }, substitution: '\\1.example' };
  const t = routes({
    match: prefix('/'),
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: 'c' },
        hostRewriteSpecifier: { case: 'hostRewritePathRegex', value: regexRewrite },
      },
    },
  });
  const action = t.choose(testInput(testHead()), 0)?.route.action;
  assert.ok(action?.kind === 'forward' && action.hostRewrite?.kind === 'path');
  assert.equal(action.hostRewrite.rewrite('/shop?next=/other'), 'shop.example');
});

test('a header may name the cluster', () => {
  const t = routes({
    match: prefix('/'),
    action: { case: 'route', value: { clusterSpecifier: { case: 'clusterHeader', value: 'X-To' } } },
  });
  assert.equal(cluster(t, { headers: [['x-to', 'c9']] }), 'c9');
  assert.equal(cluster(t, {}), '');
});

test('defaults of forwarding are Envoy’s', () => {
  const forward = target(routes({ match: prefix('/'), action: to('c') })) as ForwardTarget;
  assert.equal(forward.timeoutMs, 15_000);
  assert.equal(forward.clusterNotFoundCode, 503);
  assert.equal(forward.retry, undefined);
  assert.equal(forward.grpcTimeoutMaxMs, undefined);
});

test('a virtual host’s retry policy counts where the route has none', () => {
  const t = table([
    {
      name: 'h',
      domains: ['*'],
      retryPolicy: { retryOn: '5xx', numRetries: 7 },
      routes: [
        {
          match: prefix('/own'),
          action: {
            case: 'route',
            value: {
              clusterSpecifier: { case: 'cluster', value: 'c' },
              retryPolicy: {
                retryOn: 'connect-failure, retriable-status-codes',
                retriableStatusCodes: [503],
                retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
                hostSelectionRetryMaxAttempts: 5n,
              },
            },
          },
        },
        { match: prefix('/'), action: to('c') },
      ],
    },
  ]);
  const retry = (path: string) => (target(t, { path }) as ForwardTarget).retry;
  assert.equal(retry('/')?.retries, 7);
  assert.deepEqual([...(retry('/own')?.on ?? [])], ['connect-failure', 'retriable-status-codes']);
  assert.equal(retry('/own')?.retries, 1);
  assert.equal(retry('/own')?.avoidPreviousHosts, true);
  assert.equal(retry('/own')?.hostSelectionAttempts, 5);
  assert.deepEqual([retry('/')?.baseIntervalMs, retry('/')?.maxIntervalMs], [25, 250]);
});

test('paths are rewritten with their query kept', () => {
  const rewritten = (match: RouteInit['match'], action: object, path: string) => {
    const t = routes({
      match,
      action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: 'c' }, ...action } },
    } as RouteInit);
    return (target(t, { path }) as ForwardTarget).rewritePath?.(path);
  };
  assert.equal(rewritten(prefix('/api'), { prefixRewrite: '/v2' }, '/api/x?q=/api'), '/v2/x?q=/api');
  assert.equal(rewritten({ pathSpecifier: { case: 'path', value: '/a' } }, { prefixRewrite: '/b' }, '/a?x'), '/b?x');
  assert.equal(
    rewritten(
      prefix('/'),
      { regexRewrite: { pattern: { regex: '^/service/([^/]+)' }, substitution: '/\\1' } },
      '/service/foo/bar?x',
    ),
    '/foo/bar?x',
  );
  assert.equal(
    rewritten(
      {
        pathSpecifier: {
          case: 'pathMatchPolicy',
          value: {
            name: 'm',
            typedConfig: packAny(
              UriTemplateMatchConfigSchema,
              create(UriTemplateMatchConfigSchema, { pathTemplate: '/u/{id}/x' }),
            ),
          },
        },
      },
      {
        pathRewritePolicy: {
          name: 'r',
          typedConfig: packAny(
            UriTemplateRewriteConfigSchema,
            create(UriTemplateRewriteConfigSchema, { pathTemplateRewrite: '/y/{id}' }),
          ),
        },
      },
      '/u/7/x?q',
    ),
    '/y/7?q',
  );
});

test('redirects compose scheme, host, port and path', () => {
  const location = (redirect: object, head: Parameters<typeof testHead>[0]) => {
    const t = routes({ match: prefix('/old'), action: { case: 'redirect', value: redirect } } as RouteInit);
    const action = t.choose(testInput(testHead(head)), 0)?.route.action as RedirectTarget;
    return `${action.status} ${action.location(testHead(head))}`;
  };
  const head = { authority: 'shop:80', path: '/old/a?b=c' };
  assert.equal(
    location({ schemeRewriteSpecifier: { case: 'httpsRedirect', value: true } }, head),
    '301 https://shop/old/a?b=c',
  );
  assert.equal(
    location({ hostRedirect: 'new', portRedirect: 8443, responseCode: 4 }, head),
    '308 http://new:8443/old/a?b=c',
  );
  assert.equal(location({ portRedirect: 8080 }, head), '301 http://shop:8080/old/a?b=c');
  assert.equal(
    location(
      { pathRewriteSpecifier: { case: 'prefixRewrite', value: '/new' }, stripQuery: true, responseCode: 1 },
      head,
    ),
    '302 http://shop:80/new/a',
  );
  assert.equal(
    location({ pathRewriteSpecifier: { case: 'pathRedirect', value: '/p' } }, head),
    '301 http://shop:80/p?b=c',
  );
  assert.equal(
    location({ pathRewriteSpecifier: { case: 'pathRedirect', value: '/p?x=1' }, stripQuery: true }, head),
    '301 http://shop:80/p?x=1',
  );
  const cut = { pattern: { regex: '^/old/' }, substitution: '-' };
  assert.equal(
    location({ pathRewriteSpecifier: { case: 'regexRewrite', value: cut } }, head),
    '301 http://shop:80/-a?b=c',
    'no path goes on the name of the host',
  );
});

test('require_tls answers plain requests with a redirect', () => {
  const t = table([{ name: 'h', domains: ['*'], requireTls: 2, routes: [{ match: prefix('/'), action: to('c') }] }]);
  assert.equal(
    (target(t, { path: '/x' }) as RedirectTarget).location(testHead({ authority: 'shop:80', path: '/x' })),
    'https://shop/x',
  );
  assert.equal(t.choose(testInput(testHead({ scheme: 'https' })), 0)?.cluster, 'c');
});

test('headers change on four levels, most specific first unless said otherwise', () => {
  const add = (value: string) => [{ header: { key: 'x', value }, appendAction: 2 as const }];
  const make = (mostSpecificHeaderMutationsWins: boolean) =>
    table(
      [
        {
          name: 'h',
          domains: ['*'],
          requestHeadersToAdd: add('host'),
          responseHeadersToRemove: ['server'],
          routes: [
            {
              match: prefix('/'),
              requestHeadersToAdd: add('route %REQ(:path)%'),
              action: {
                case: 'route',
                value: {
                  clusterSpecifier: {
                    case: 'weightedClusters',
                    value: {
                      clusters: [
                        {
                          name: 'c',
                          weight: 1,
                          requestHeadersToAdd: add('weighted'),
                          responseHeadersToAdd: [{ header: { key: 'via', value: 'w' } }],
                        },
                      ],
                    },
                  },
                },
              },
            },
          ],
        },
      ],
      { requestHeadersToAdd: add('table'), mostSpecificHeaderMutationsWins },
    );
  for (const [most, expected] of [
    [false, 'table'],
    [true, 'weighted'],
  ] as const) {
    const head = testHead({ path: '/p' });
    const choice = make(most).choose(testInput(head), 0);
    choice?.mutateRequestHeaders(head, testInput(head));
    assert.equal(head.headers.get('x'), expected);
    const response = { status: 200, headers: new HeaderBlock() };
    response.headers.add('server', 'x');
    choice?.mutateResponseHeaders(response, testInput(head));
    assert.deepEqual([...response.headers.entries()], [['via', 'w']]);
  }
});

test('the most specific filter configuration wins', () => {
  const any = (typeUrl: string) => ({ typeUrl, value: new Uint8Array() });
  const t = table(
    [
      {
        name: 'h',
        domains: ['*'],
        typedPerFilterConfig: { f: any('host'), g: any('host') },
        routes: [
          {
            match: prefix('/'),
            typedPerFilterConfig: { f: any('route') },
            action: to('c'),
          },
        ],
      },
    ],
    { typedPerFilterConfig: { g: any('table'), i: any('table') } },
  );
  const choice = t.choose(testInput(testHead()), 0);
  assert.deepEqual(
    ['f', 'g', 'i', 'j'].map((name) => choice?.perFilterConfig(name)),
    ['f:route', 'g:host', 'i:table', undefined],
  );
});

test('one virtual host is replaced and the others are shared', () => {
  const host = (name: string, to_: string) =>
    create(VirtualHostSchema, { name, domains: [name], routes: [{ match: prefix('/'), action: to(to_) }] });
  const first = table([host('a', '1'), host('b', '1')]);
  const changed = [host('b', '2'), host('c', '2')].map((one) => runAtOnce(first.compileHost(one)));
  const second = runAtOnce(first.withVirtualHosts(changed, ['x']));
  assert.deepEqual(
    ['a', 'b', 'c'].map((authority) => cluster(second, { authority })),
    ['1', '2', '2'],
  );
  assert.equal(first.virtualHostFor('a'), second.virtualHostFor('a'));
  assert.equal(cluster(first, { authority: 'b' }), '1');
  assert.deepEqual([...runAtOnce(second.withVirtualHosts([], ['a'])).virtualHostNames], ['b', 'c']);
});

test('a big table can be compiled in steps', () => {
  const hosts = Array.from({ length: 60 }, (_, i) =>
    create(VirtualHostSchema, {
      name: `h${i}`,
      domains: [`h${i}`],
      routes: [{ match: prefix('/'), action: to(`c${i}`) }],
    }),
  );
  const steps = RouteTable.compile(create(RouteConfigurationSchema, { virtualHosts: hosts }), options);
  let pauses = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) pauses++;
  assert.ok(pauses >= 60, String(pauses));
  assert.equal(cluster(step.value, { authority: 'h59' }), 'c59');
});

test('hash policies combine, end early and make cookies', () => {
  const policies = (...hashPolicy: object[]) =>
    (
      target(
        routes({
          match: prefix('/'),
          action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: 'c' }, hashPolicy } },
        } as RouteInit),
      ) as ForwardTarget
    ).hashPolicies;
  const header = (headerName: string, terminal = false) => ({
    policySpecifier: { case: 'header', value: { headerName } },
    terminal,
  });
  const hash = (list: ReturnType<typeof policies>, head: Parameters<typeof testHead>[0], cookies: string[] = []) =>
    hashRequest(list, testInput(testHead(head)), (c) => cookies.push(c));
  assert.equal(hash(policies(header('u')), {}), undefined);
  assert.equal(
    hash(policies(header('u')), { headers: [['u', '1']] }),
    hash(policies(header('U', true), header('w')), {
      headers: [
        ['u', '1'],
        ['w', '2'],
      ],
    }),
  );
  assert.notEqual(
    hash(policies(header('u')), { headers: [['u', '1']] }),
    hash(policies(header('u'), header('w')), {
      headers: [
        ['u', '1'],
        ['w', '2'],
      ],
    }),
  );
  const cookies: string[] = [];
  const sticky = policies({
    policySpecifier: { case: 'cookie', value: { name: 'user', ttl: { seconds: 60n }, path: '/' } },
  });
  const made = hash(sticky, {}, cookies);
  const value = /user="([0-9a-f]{8})"; Max-Age=60; Path=\/; HttpOnly/.exec(cookies[0] ?? '')?.[1];
  assert.ok(value !== undefined);
  assert.equal(hash(sticky, { headers: [['cookie', `a=b; user="${value}"`]] }), made);
});

test('retries leave out hosts by their metadata', () => {
  warnings.length = 0;
  const retry = (predicate: object): ForwardTarget['retry'] =>
    (
      target(
        routes({
          match: prefix('/'),
          action: {
            case: 'route',
            value: { ...to('a').value, retryPolicy: { retryOn: '5xx', retryHostPredicate: [predicate] } },
          },
        }),
      ) as ForwardTarget
    ).retry;
  const metadata = { filterMetadata: { 'envoy.lb': { stage: 'beta' } } };
  const config = packAny(
    OmitHostMetadataConfigSchema,
    create(OmitHostMetadataConfigSchema, { metadataMatch: metadata }),
  );
  const named = retry({ name: 'omit', configType: { case: 'typedConfig', value: config } });
  assert.equal(named?.omitsHost?.({ 'envoy.lb': { stage: 'beta', zone: 'a' } }), true);
  assert.equal(named?.omitsHost?.({ 'envoy.lb': { stage: 'prod' } }), false);
  assert.equal(named?.omitsHost?.({}), false);
  const canary = retry({ name: 'envoy.retry_host_predicates.omit_canary_hosts' });
  assert.equal(canary?.omitsHost?.({ 'envoy.lb': { canary: true } }), true);
  assert.equal(canary?.omitsHost?.({ 'envoy.lb': { canary: 'true' } }), false);
  assert.equal(retry({ name: 'envoy.retry_host_predicates.previous_hosts' })?.omitsHost, undefined);
  assert.deepEqual(warnings, []);
  retry({ name: 'of.somebody.else' });
  assert.equal(warnings.length, 1);
});

test('hedging is the route’s or its virtual host’s; what Envoy leaves out of force is warned of', () => {
  warnings.length = 0;
  const hedging = (policy: object, ofHost?: object) =>
    target(
      table([
        {
          name: 'all',
          domains: ['*'],
          ...(ofHost === undefined ? {} : { hedgePolicy: ofHost }),
          routes: [
            {
              match: prefix('/'),
              action: {
                case: 'route',
                value: { ...to('a').value, retryPolicy: { perTryTimeout: { seconds: 1n } }, hedgePolicy: policy },
              },
            },
          ],
        },
      ]),
    ) as ForwardTarget;
  assert.equal(hedging({ hedgeOnPerTryTimeout: true }).hedge, true);
  assert.equal(hedging({}, { hedgeOnPerTryTimeout: true }).hedge, false);
  assert.deepEqual(warnings, []);
  hedging({ initialRequests: 2, additionalRequestChance: { numerator: 10 } });
  assert.deepEqual(
    warnings.map((field: string) => field.slice(field.lastIndexOf('.') + 1)),
    ['initial_requests', 'additional_request_chance'],
  );
  warnings.length = 0;
  const ofHost = target(
    table([
      {
        name: 'all',
        domains: ['*'],
        hedgePolicy: { hedgeOnPerTryTimeout: true },
        routes: [{ match: prefix('/'), action: to('a') }],
      },
    ]),
  ) as ForwardTarget;
  assert.equal(ofHost.hedge, true);
  assert.deepEqual(warnings, ['virtual_hosts["all"].hedge_policy.hedge_on_per_try_timeout']);
});

test('what cannot be honoured is refused or warned of, never dropped', () => {
  warnings.length = 0;
  routes({
    match: prefix('/'),
    action: {
      case: 'route',
      value: { clusterSpecifier: { case: 'cluster', value: 'c' }, retryPolicy: { retryOn: 'sometimes' } },
    },
  });
  assert.deepEqual(warnings, ['virtual_hosts["all"].routes[0].route.retry_policy.retry_on']);
  assert.throws(() => routes({ match: prefix('/'), action: { case: 'filterAction', value: {} } }), ConfigError);
  assert.throws(
    () => routes({ match: {}, action: to('c') }),
    (e: unknown) => e instanceof ConfigError && e.field.includes('routes[0].match'),
  );
});
