import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FakeClock, runAtOnce, SeededRandom, silentLogger } from '#base';
import { PolicySchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { RouteSchema, VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { BufferSchema } from '#proto/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { CorsPolicySchema, CorsSchema } from '#proto/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FilterConfigSchema as GrpcStatsSchema } from '#proto/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import {
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
  MutationsSchema,
} from '#proto/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { HealthCheckSchema } from '#proto/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import { type Ask, Drawer } from '#leases';
import { LocalRateLimitSchema } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { SharedRateLimitSchema } from '#proto/topsail/filters/v1/shared_rate_limit_pb.ts';
import { RBACPerRouteSchema, RBACSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { ConfigSchema as SetFilterStateSchema } from '#proto/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { ConnectionLimitSchema } from '#proto/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { RBACSchema as NetworkRbacSchema } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { TypedStructSchema } from '#proto/udpa/type/v1/typed_struct_pb.ts';
import { StatStore, StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead, type ResponseHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import type { DownstreamFacts, FilterCallbacks, HttpFilter, LocalReply, RouteView } from '../http/filter.ts';
import { testConnection, testHead, testInput } from '../match-input.testing.ts';
import type { DownstreamConnection } from '../network/filter.ts';
import { RouteTable } from '../route/index.ts';
import { ClusterManager } from '../upstream/cluster-manager.ts';
import { GrpcMessageCounter } from './http/grpc-stats.ts';
import { HTTP_FILTERS, NETWORK_FILTERS } from './index.ts';
import { TokenBucket } from './token-bucket.ts';
import { NOBODY } from '../services.ts';

interface Bench {
  readonly clock: FakeClock;
  readonly leases: Drawer;
  readonly replies: LocalReply[];
  readonly record: StreamRecord;
  continued: number;
  bufferLimit: number;
  start(options?: { readonly route?: RouteView; readonly connection?: DownstreamFacts }): HttpFilter;
}

/** One filter of a chain, its configuration passed as bytes as a proxy gets it. */
function bench<D extends DescMessage>(name: string, schema: D, config: MessageInitShape<D>): Bench {
  const extension = HTTP_FILTERS.find((f) => f.typeUrl.endsWith(schema.typeName));
  assert.ok(extension !== undefined, name);
  const clock = new FakeClock();
  const leases = new Drawer(clock);
  const factory = extension.build(
    toBinary(schema, create(schema, config)),
    {
      clock,
      random: new SeededRandom(3),
      log: silentLogger,
      stats: new StatStore(),
      clusters: new ClusterManager(),
      statPrefix: '',
      place: '',
      sharing: undefined,
      leases,
      self: NOBODY,
      modules: undefined,
    },
    name,
  );
  const made: Bench = {
    clock,
    leases,
    replies: [],
    record: new StreamRecord(),
    continued: 0,
    bufferLimit: 0,
    start: (options = {}) => {
      const callbacks: FilterCallbacks = {
        record: made.record,
        connection: options.connection ?? testConnection(),
        route: options.route,
        clearRoute: () => {},
        continueRequest: () => void made.continued++,
        continueResponse: () => {},
        reply: (reply) => void made.replies.push(reply),
        replaceData: () => {},
        addResponseData: () => {},
        resetStream: () => {},
        get bufferLimit() {
          return made.bufferLimit;
        },
        set bufferLimit(bytes) {
          made.bufferLimit = bytes;
        },
      };
      return factory.create(callbacks);
    },
  };
  return made;
}

function routeWith<D extends DescMessage>(
  filter: string,
  schema: D,
  config: MessageInitShape<D>,
  more: Partial<RouteView> = {},
): RouteView {
  const extension = HTTP_FILTERS.find((f) => f.name === filter);
  const decoded = extension?.routeConfig?.(
    toBinary(schema, create(schema, config)),
    `type.googleapis.com/${schema.typeName}`,
    '',
  );
  return {
    name: 'r',
    virtualHost: 'v',
    cluster: 'c',
    metadata: undefined,
    perFilterConfig: (name) => (name === filter ? decoded : undefined),
    ...more,
  };
}

function response(status = 200, headers: readonly [string, string][] = []): ResponseHead {
  const block = new HeaderBlock();
  for (const [name, value] of headers) block.add(name, value);
  return { status, headers: block };
}

const admit = (head: RequestHead, filter: HttpFilter) => filter.requestHead?.(head, true);
const prefixAny: MessageInitShape<typeof PolicySchema> = {
  principals: [{ identifier: { case: 'any', value: true } }],
  permissions: [
    {
      rule: {
        case: 'urlPath',
        value: { rule: { case: 'path', value: { matchPattern: { case: 'prefix', value: '/admin' } } } },
      },
    },
  ],
};

test('rbac replies 403 with the policy in the details, and notes it', () => {
  const b = bench('envoy.filters.http.rbac', RBACSchema, {
    rules: { action: 1, policies: { 'ns[a]-policy[b]-rule[0]': prefixAny } },
  });
  assert.equal(admit(testHead({ path: '/' }), b.start()), 'continue');
  assert.equal(admit(testHead({ path: '/admin/x' }), b.start()), 'stop');
  assert.deepEqual(b.replies, [
    { status: 403, body: 'RBAC: access denied', details: 'rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]' },
  ]);
  assert.equal(b.record.policyRule, 'ns[a]-policy[b]-rule[0]');
});

test('rbac shadow rules only note, and a route may replace or drop the rules', () => {
  const b = bench('envoy.filters.http.rbac', RBACSchema, {
    shadowRules: { action: 1, policies: { p: prefixAny } },
    shadowRulesStatPrefix: 'istio_dry_run_deny_',
  });
  assert.equal(admit(testHead({ path: '/admin' }), b.start()), 'continue');
  assert.deepEqual(b.record.metadata?.get('envoy.filters.http.rbac'), {
    istio_dry_run_deny_shadow_effective_policy_id: 'p',
    istio_dry_run_deny_shadow_engine_result: 'denied',
  });
  assert.deepEqual([b.record.shadowPolicyRule, b.record.shadowDenied], ['p', true]);
  const deny = bench('envoy.filters.http.rbac', RBACSchema, { rules: { action: 0 } });
  assert.equal(admit(testHead(), deny.start()), 'stop');
  assert.equal(
    admit(testHead(), deny.start({ route: routeWith('envoy.filters.http.rbac', RBACPerRouteSchema, {}) })),
    'continue',
  );
});

test('fault delays for its time, then lets the request go', () => {
  const b = bench('envoy.filters.http.fault', HTTPFaultSchema, {
    delay: { faultDelaySecifier: { case: 'fixedDelay', value: { seconds: 5n } }, percentage: { numerator: 100 } },
  });
  assert.equal(admit(testHead(), b.start()), 'stop');
  b.clock.advance(4_999);
  assert.equal(b.continued, 0);
  b.clock.advance(1);
  assert.equal(b.continued, 1);
  assert.deepEqual(b.record.flags, ['DI']);
});

test('a delay dies with its stream', () => {
  const b = bench('envoy.filters.http.fault', HTTPFaultSchema, {
    delay: { faultDelaySecifier: { case: 'fixedDelay', value: { seconds: 5n } }, percentage: { numerator: 100 } },
  });
  const filter = b.start();
  admit(testHead(), filter);
  filter.destroy?.();
  assert.equal(b.clock.pendingTimers, 0);
});

test('fault aborts its share, by route and by header', () => {
  const b = bench('envoy.filters.http.fault', HTTPFaultSchema, {});
  const half = routeWith('envoy.filters.http.fault', HTTPFaultSchema, {
    abort: { errorType: { case: 'httpStatus', value: 500 }, percentage: { numerator: 50 } },
  });
  for (let i = 0; i < 2000; i++) admit(testHead(), b.start({ route: half }));
  assert.ok(Math.abs(b.replies.length - 1000) < 80, String(b.replies.length));
  assert.deepEqual(b.replies[0], {
    status: 500,
    body: 'fault filter abort',
    details: 'fault_filter_abort',
    flag: 'FI',
  });
  const byHeader = bench('f', HTTPFaultSchema, {
    abort: { errorType: { case: 'headerAbort', value: {} }, percentage: { numerator: 100 } },
  });
  assert.equal(admit(testHead({ headers: [['x-envoy-fault-abort-request', '418']] }), byHeader.start()), 'stop');
  assert.equal(byHeader.replies[0]?.status, 418);
  assert.equal(admit(testHead(), byHeader.start()), 'continue');
});

test('no more faults are active than allowed', () => {
  const b = bench('f', HTTPFaultSchema, {
    maxActiveFaults: 1,
    delay: { faultDelaySecifier: { case: 'fixedDelay', value: { seconds: 5n } }, percentage: { numerator: 100 } },
  });
  const first = b.start();
  assert.deepEqual([admit(testHead(), first), admit(testHead(), b.start())], ['stop', 'continue']);
  first.destroy?.();
  assert.equal(admit(testHead(), b.start()), 'stop');
});

const policy: Omit<MessageInitShape<typeof CorsPolicySchema>, '$typeName'> = {
  allowOriginStringMatch: [{ matchPattern: { case: 'exact', value: 'https://a' } }],
  allowMethods: 'GET,POST',
  maxAge: '86400',
  exposeHeaders: 'x-b',
  allowCredentials: true,
};

test('cors answers a preflight of an allowed origin and marks responses', () => {
  const b = bench('envoy.filters.http.cors', CorsSchema, {});
  const route = routeWith('envoy.filters.http.cors', CorsPolicySchema, policy);
  const preflight = (origin: string) =>
    testHead({
      method: 'OPTIONS',
      headers: [
        ['origin', origin],
        ['access-control-request-method', 'PUT'],
      ],
    });
  assert.equal(admit(preflight('https://a'), b.start({ route })), 'stop');
  assert.deepEqual(b.replies[0]?.headers, [
    ['access-control-allow-origin', 'https://a'],
    ['access-control-allow-credentials', 'true'],
    ['access-control-allow-methods', 'GET,POST'],
    ['access-control-max-age', '86400'],
  ]);
  assert.equal(admit(preflight('https://evil'), b.start({ route })), 'continue');
  const strict = routeWith('envoy.filters.http.cors', CorsPolicySchema, {
    ...policy,
    forwardNotMatchingPreflights: false,
  });
  assert.equal(admit(preflight('https://evil'), b.start({ route: strict })), 'stop');
  assert.deepEqual(b.replies[1]?.headers, []);
  const filter = b.start({ route });
  admit(testHead({ headers: [['origin', 'https://a']] }), filter);
  const head = response();
  filter.responseHead?.(head, false);
  assert.equal(head.headers.get('access-control-allow-origin'), 'https://a');
  assert.equal(head.headers.get('access-control-expose-headers'), 'x-b');
});

test('cors: a matcher of * takes every origin, and with credentials * names what was asked for', () => {
  const b = bench('envoy.filters.http.cors', CorsSchema, {});
  const open = (allowCredentials: boolean): typeof policy => ({
    allowOriginStringMatch: [{ matchPattern: { case: 'exact', value: '*' } }],
    allowMethods: '*',
    allowHeaders: '*',
    allowCredentials,
  });
  const ask = testHead({
    method: 'OPTIONS',
    headers: [
      ['origin', 'https://anybody'],
      ['access-control-request-method', 'PUT'],
      ['access-control-request-headers', 'x-a,x-b'],
    ],
  });
  const named = (allowCredentials: boolean) => {
    admit(ask, b.start({ route: routeWith('envoy.filters.http.cors', CorsPolicySchema, open(allowCredentials)) }));
    return b.replies.at(-1)?.headers?.filter(([name]) => !name.endsWith('credentials'));
  };
  const answer = (methods: string, headers: string) => [
    ['access-control-allow-origin', 'https://anybody'],
    ['access-control-allow-methods', methods],
    ['access-control-allow-headers', headers],
  ];
  assert.deepEqual(named(false), answer('*', '*'));
  assert.deepEqual(named(true), answer('PUT', 'x-a,x-b'));
});

test('gRPC messages are counted however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(300), fc.nat(70_000)), { maxLength: 10 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20_000 })), { minLength: 1 }),
      (sizes, cuts) => {
        const bytes = Buffer.concat(
          sizes.map((size) => {
            const message = Buffer.alloc(5 + size, 1);
            message.writeUInt32BE(size, 1);
            return message;
          }),
        );
        const counter = new GrpcMessageCounter();
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const step = cuts[i % cuts.length] as number;
          counter.add(bytes.subarray(at, at + step));
          at += step;
        }
        assert.equal(counter.messages, sizes.length);
      },
    ),
  );
  const b = bench('g', GrpcStatsSchema, { emitFilterState: true });
  const filter = b.start();
  admit(testHead({ headers: [['content-type', 'application/grpc']] }), filter);
  filter.requestData?.(Buffer.from([0, 0, 0, 0, 1, 9]), true);
  filter.responseHead?.(response(200, [['content-type', 'application/grpc']]), false);
  const trailers = new HeaderBlock();
  trailers.add('grpc-status', '5');
  filter.responseTrailers?.(trailers);
  filter.destroy?.();
  assert.equal(b.record.filterState?.get('envoy.filters.http.grpc_stats'), '1,0');
  assert.deepEqual([b.record.grpc, b.record.requestMessages, b.record.grpcStatus], [true, 1, 5]);
});

test('filter state is formatted from the request', () => {
  const b = bench('s', SetFilterStateSchema, {
    onRequestHeaders: [
      {
        key: { case: 'objectKey', value: 'k' },
        value: { case: 'formatString', value: { format: { case: 'textFormat', value: '%REQ(:authority)%' } } },
      },
      {
        key: { case: 'objectKey', value: 'none' },
        value: {
          case: 'formatString',
          value: { omitEmptyValues: true, format: { case: 'textFormat', value: '%REQ(x)%' } },
        },
        skipIfEmpty: true,
      },
    ],
  });
  admit(testHead({ authority: 'shop' }), b.start());
  assert.deepEqual([...(b.record.filterState ?? [])], [['k', 'shop']]);
});

test('a token bucket fills evenly up to its size', () => {
  const bucket = new TokenBucket({ max: 3, perFill: 2, intervalMs: 100 });
  assert.equal(bucket.remaining(0), 3);
  assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(49)], [true, true, true, false]);
  assert.deepEqual([bucket.msToNextToken(30), bucket.msToNextToken(50), bucket.remaining(100)], [20, 0, 2]);
  assert.deepEqual([bucket.take(75), bucket.take(99), bucket.take(100)], [true, false, true]);
  assert.equal(bucket.remaining(10_000), 3);
});

test('a token bucket never gives more than its size and what has come in since, nor less than is due', () => {
  const settings = fc.record({
    max: fc.integer({ min: 1, max: 50 }),
    perFill: fc.integer({ min: 1, max: 1000 }),
    intervalMs: fc.constantFrom(50, 1000, 60_000, 3_600_000, 86_400_000),
  });
  fc.assert(
    fc.property(settings, fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { maxLength: 60 }), (given, steps) => {
      const bucket = new TokenBucket(given);
      const tokenMs = given.intervalMs / given.perFill;
      let now = 1000;
      let level = given.max;
      for (const step of steps) {
        now += step * tokenMs;
        level = Math.min(given.max, level + step);
        const before = bucket.remaining(now);
        assert.ok(Math.abs(before - Math.floor(level)) <= 1 && before <= level + 0.01, `${before} of ${level}`);
        assert.equal(bucket.take(now), before >= 1);
        if (before >= 1) level -= 1;
      }
    }),
  );
});

const full = { defaultValue: { numerator: 100 } };

test('the local rate limit answers 429 with its headers, and is off unless enabled', () => {
  const b = bench('l', LocalRateLimitSchema, {
    tokenBucket: { maxTokens: 1, fillInterval: { seconds: 60n } },
    filterEnabled: full,
    filterEnforced: full,
    enableXRatelimitHeaders: 1,
    responseHeadersToAdd: [{ header: { key: 'x-limited', value: 'yes' } }],
  });
  assert.equal(admit(testHead(), b.start()), 'continue');
  const refused = b.start();
  assert.equal(admit(testHead(), refused), 'stop');
  assert.deepEqual(b.replies, [{ status: 429, body: 'local_rate_limited', details: 'local_rate_limited', flag: 'RL' }]);
  const head = response(429);
  refused.responseHead?.(head, true);
  assert.deepEqual(
    [...head.headers.entries()],
    [
      ['x-limited', 'yes'],
      ['x-ratelimit-limit', '1'],
      ['x-ratelimit-remaining', '0'],
      ['x-ratelimit-reset', '60'],
    ],
  );
  const off = bench('l', LocalRateLimitSchema, { tokenBucket: { maxTokens: 1, fillInterval: { seconds: 60n } } });
  for (let i = 0; i < 3; i++) assert.equal(admit(testHead(), off.start()), 'continue');
});

test('descriptors of the route have buckets of their own', () => {
  const b = bench('l', LocalRateLimitSchema, {
    filterEnabled: full,
    filterEnforced: full,
    tokenBucket: { maxTokens: 100, fillInterval: { seconds: 60n } },
    descriptors: [
      { entries: [{ key: 'user', value: 'jane' }], tokenBucket: { maxTokens: 1, fillInterval: { seconds: 60n } } },
    ],
  });
  const table = runAtOnce(
    RouteTable.compile(
      create(RouteConfigurationSchema, {
        virtualHosts: [
          create(VirtualHostSchema, {
            name: 'v',
            domains: ['*'],
            routes: [
              create(RouteSchema, {
                match: { pathSpecifier: { case: 'prefix', value: '/' } },
                action: {
                  case: 'route',
                  value: {
                    clusterSpecifier: { case: 'cluster', value: 'c' },
                    rateLimits: [
                      {
                        actions: [
                          {
                            actionSpecifier: {
                              case: 'requestHeaders',
                              value: { headerName: 'X-User', descriptorKey: 'user' },
                            },
                          },
                        ],
                      },
                    ],
                  },
                },
              }),
            ],
          }),
        ],
      }),
      { decodeFilterConfig: () => undefined, warn: () => {} },
    ),
  );
  const ask = (user: string) => {
    const head = testHead({ headers: [['x-user', user]] });
    return admit(head, b.start({ route: table.choose(testInput(head), 0) as RouteView }));
  };
  assert.deepEqual([ask('jane'), ask('jane'), ask('joe'), ask('joe')], ['continue', 'stop', 'continue', 'continue']);
});

test('header mutations of the route come after the filter’s own', () => {
  const set = (value: string): { mutations: MessageInitShape<typeof MutationsSchema> } => ({
    mutations: {
      requestMutations: [{ action: { case: 'append', value: { header: { key: 'x', value }, appendAction: 2 } } }],
      responseMutations: [{ action: { case: 'remove', value: 'server' } }],
    },
  });
  const b = bench('envoy.filters.http.header_mutation', HeaderMutationSchema, set('own'));
  const filter = b.start({
    route: routeWith('envoy.filters.http.header_mutation', HeaderMutationPerRouteSchema, set('route')),
  });
  const head = testHead();
  admit(head, filter);
  const out = response(200, [['server', 'x']]);
  filter.responseHead?.(out, true);
  assert.deepEqual([head.headers.getAll('x'), out.headers.has('server')], [['route'], false]);
});

test('buffer collects the request and gives it a length', () => {
  const b = bench('b', BufferSchema, { maxRequestBytes: 10 });
  const filter = b.start();
  const head = testHead({ method: 'POST', headers: [['transfer-encoding', 'chunked']] });
  assert.equal(filter.requestHead?.(head, false), 'buffer');
  assert.equal(b.bufferLimit, 10);
  filter.requestData?.(Buffer.from('hello'), true);
  assert.deepEqual([...head.headers.entries()], [['content-length', '5']]);
  assert.equal(b.start().requestHead?.(testHead(), true), 'continue');
});

test('health_check answers what its headers match', () => {
  const b = bench('h', HealthCheckSchema, {
    passThroughMode: false,
    headers: [{ name: ':path', headerMatchSpecifier: { case: 'exactMatch', value: '/healthz' } }],
  });
  assert.equal(admit(testHead({ path: '/healthz' }), b.start()), 'stop');
  assert.equal(admit(testHead({ path: '/' }), b.start()), 'continue');
});

test('Istio’s own filters are known, in a typed struct too; others are refused', () => {
  const known = (typeUrl: string) => bench('t', TypedStructSchema, { typeUrl });
  assert.deepEqual(known('type.googleapis.com/stats.PluginConfig').start(), {});
  assert.throws(() => known('type.googleapis.com/evil.Filter'), ConfigError);
});

function network<D extends DescMessage>(schema: D, config: MessageInitShape<D>) {
  const extension = NETWORK_FILTERS.find((f) => f.typeUrl.endsWith(schema.typeName));
  const factory = extension?.build(
    toBinary(schema, create(schema, config)),
    {
      clock: new FakeClock(),
      random: new SeededRandom(1),
      log: silentLogger,
      stats: new StatStore(),
      clusters: {} as never,
      listener: '',
      filterChain: '',
    },
    'n',
  );
  const closed: string[] = [];
  const start = (spiffe = '') => {
    const tls =
      spiffe === '' ? undefined : { peer: { kind: 'verified', uriSans: [spiffe], dnsSans: [], spiffeId: spiffe } };
    const connection = {
      conn: { tls, remoteAddress: '10.0.0.2' },
      remoteAddress: '10.0.0.2',
      remotePort: 1,
      localAddress: '10.0.0.1',
      localPort: 9000,
      sni: '',
      metadata: undefined,
      filterState: undefined,
      close: (details: string) => void closed.push(details),
    };
    return factory?.create(connection as unknown as DownstreamConnection, new StreamRecord());
  };
  return { closed, start };
}

test('network rbac closes a connection of the wrong identity at once', () => {
  const spiffe = 'spiffe://cluster.local/ns/a/sa/b';
  const n = network(NetworkRbacSchema, {
    rules: {
      action: 0,
      policies: {
        p: {
          permissions: [{ rule: { case: 'destinationPort', value: 9000 } }],
          principals: [
            {
              identifier: {
                case: 'authenticated',
                value: { principalName: { matchPattern: { case: 'exact', value: spiffe } } },
              },
            },
          ],
        },
      },
    },
  });
  assert.equal(
    n.start(spiffe)?.onConnection?.(() => {}),
    'continue',
  );
  assert.equal(
    n.start()?.onConnection?.(() => {}),
    'stop',
  );
  assert.deepEqual(n.closed, ['rbac_access_denied_matched_policy[none]']);
});

test('connections above the limit are closed', () => {
  const n = network(ConnectionLimitSchema, { maxConnections: 1n });
  const first = n.start();
  assert.equal(
    first?.onConnection?.(() => {}),
    'continue',
  );
  assert.equal(
    n.start()?.onConnection?.(() => {}),
    'stop',
  );
  first?.onClose?.();
  assert.equal(
    n.start()?.onConnection?.(() => {}),
    'continue',
  );
});

test('a shared rate limit waits for what is granted, refuses what is not, and lets nobody wait who is gone', async () => {
  const always = { defaultValue: { numerator: 100 } };
  const b = bench('s', SharedRateLimitSchema, {
    limit: 'shop/web/r',
    local: {
      statPrefix: 'x',
      filterEnabled: always,
      filterEnforced: always,
      rateLimits: [
        {
          actions: [
            {
              actionSpecifier: {
                case: 'headerValueMatch',
                value: {
                  descriptorKey: 'rule',
                  descriptorValue: 'shop/web/r',
                  headers: [
                    {
                      name: ':path',
                      headerMatchSpecifier: {
                        case: 'stringMatch',
                        value: { matchPattern: { case: 'prefix', value: '/counted' } },
                      },
                    },
                  ],
                },
              },
            },
          ],
        },
      ],
      descriptors: [
        {
          entries: [{ key: 'rule', value: 'shop/web/r' }],
          tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: { seconds: 3600n } },
        },
      ],
    },
  });
  const asked: Ask[] = [];
  b.leases.onAsks = (asks) => void asked.push(...asks);
  b.leases.take({ grants: [], shares: [{ limit: 'shop/web/r', drawers: 2 }] });
  assert.equal(admit(testHead({ path: '/free' }), b.start()), 'continue');
  const counted = testHead({ path: '/counted' });
  const filters = [b.start(), b.start(), b.start()];
  for (const filter of filters) assert.equal(admit(counted, filter), 'stop');
  filters[0]?.destroy?.();
  await Promise.resolve();
  assert.deepEqual(
    asked.map(({ limit, tokens }) => [limit, tokens]),
    [['shop/web/r', 1]],
    'one ask at a time: the others are asked for behind it',
  );
  b.leases.take({ grants: [{ id: asked[0]?.id ?? 0, tokens: 1, againMs: 20 }], shares: [] });
  assert.equal(b.continued, 1);
  assert.deepEqual(
    b.replies.map(({ status, flag, details }) => [status, flag, details]),
    [[429, 'RL', 'local_rate_limited']],
  );
  assert.equal(admit(counted, b.start()), 'stop', 'known to be empty');
  assert.equal(b.replies.length, 2);
  b.leases.lost();
  const shared = [b.start(), b.start(), b.start()].map((filter) => admit(counted, filter));
  assert.deepEqual(shared, ['continue', 'stop', 'stop'], 'half of five, of which one is used');
});
