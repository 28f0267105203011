import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TapRecordJson } from './tap-record.ts';
import { type VerdictCode, verdictOf } from './verdict.ts';
import { verdictInTree } from './verdict-in-tree.ts';

const told = {
  status: 200,
  flags: [] as string[],
  details: 'via_upstream',
  attempts: 1,
  policy: '',
  upstreamFailure: '',
  cluster: 'outbound|9080||reviews.default.svc.cluster.local',
  endpoint: '10.0.0.1:9080',
  grpcStatus: -1,
  cause: 'VirtualService/shop/reviews spec.http[0]',
  route: 'to-reviews',
};

/** As both data planes tell it. */
const CASES: readonly (readonly [VerdictCode, string, Partial<typeof told>])[] = [
  ['forwarded', 'forwarded', {}],
  ['after-retries', 'answered at try 3', { attempts: 3 }],
  [
    'undeclared',
    'PassthroughCluster: no Service or ServiceEntry declares 10.0.0.1:9080',
    { status: 0, details: '', cluster: 'PassthroughCluster' },
  ],
  ['undeclared-failed', 'and it failed', { status: 503, flags: ['UF'], cluster: 'PassthroughCluster' }],
  ['undeclared-failed', 'BlackHoleCluster: no', { status: 502, details: '', cluster: 'BlackHoleCluster' }],
  [
    'undeclared-failed',
    'PassthroughCluster: no Service or ServiceEntry declares 10.0.0.1:9080, and it failed (its name could not be resolved)',
    { status: 503, flags: ['DF'], details: 'dns_resolution_failure', cluster: 'AllowAnyDynamicDNSCluster' },
  ],
  [
    'undeclared-failed',
    'BlackHoleCluster: no',
    { status: 502, details: 'direct_response', cluster: '', route: 'block_all' },
  ],
  ['delayed', 'fault injected (delay) by VirtualService shop/reviews', { flags: ['DI'] }],
  [
    'rate-limited',
    'rule orders of RateLimit shop/web was exceeded',
    { status: 429, flags: ['RL'], details: 'local_rate_limited', policy: 'ratelimit[shop/web/orders]' },
  ],
  [
    'rate-limited',
    'rule orders of RateLimit shop/web was exceeded',
    { status: 429, flags: ['RL'], details: 'local_rate_limited[shop/web/orders]' },
  ],
  ['plugin-answered', 'shop.auth', { status: 401, details: 'no_token', policy: 'plugin[shop.auth]' }],
  ['proxy-answered', 'no_token', { status: 401, details: 'no_token', endpoint: '' }],
  ['plugin-failed', 'a plugin failed', { status: 503, details: 'wasm_fail_stream' }],
  [
    'plugin-missing',
    'WasmPlugin shop/auth',
    {
      status: 403,
      details: 'rbac_access_denied_matched_policy[wasmplugin[shop.auth]]',
      policy: 'wasmplugin[shop.auth]',
    },
  ],
  ['fault-aborted', 'injected (abort 500) by Vir', { status: 500, flags: ['FI'], details: 'fault_filter_abort' }],
  ['fault-aborted', 'injected (delay, abort 500)', { status: 500, flags: ['DI', 'FI'], cause: '' }],
  ['no-route', 'no route', { status: 404, flags: ['NR'], details: 'route_not_found' }],
  ['no-chain', 'plaintext', { status: 0, flags: ['NR'], details: 'filter_chain_not_found' }],
  [
    'no-cluster',
    'outbound|9080|v9',
    { status: 503, flags: ['NC'], details: 'cluster_not_found', cluster: 'outbound|9080|v9|x' },
  ],
  ['no-endpoint', 'no endpoint', { status: 503, flags: ['UH'], details: 'no_healthy_upstream' }],
  [
    'circuit-open',
    'circuit breaker',
    { status: 503, flags: ['UO'], details: 'upstream_reset_before_response_started{overflow}' },
  ],
  ['timeout', 'longer than the timeout', { status: 504, flags: ['UT'], details: 'response_timeout' }],
  ['try-timeout', 'perTryTimeout', { status: 504, flags: ['UT'], details: 'upstream_per_try_timeout' }],
  ['retries-exhausted', '3 tries', { status: 503, flags: ['URX'], attempts: 3 }],
  [
    'connect-refused',
    'refused the connection',
    { status: 503, flags: ['UF'], upstreamFailure: 'delayed_connect_error:_Connection_refused' },
  ],
  [
    'connect-refused',
    'refused the connection',
    { status: 503, flags: ['UF'], upstreamFailure: 'ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1' },
  ],
  [
    'connect-timeout',
    'too long',
    { status: 503, flags: ['UF'], details: 'upstream_reset_before_response_started{connection_timeout}' },
  ],
  [
    'tls-failed',
    'handshake',
    {
      status: 503,
      flags: ['UF'],
      upstreamFailure: 'TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end',
    },
  ],
  ['san-mismatch', 'another identity', { status: 503, flags: ['UF'], upstreamFailure: 'verify SAN list failed' }],
  ['connect-failed', 'could not be reached', { status: 503, flags: ['UF'], upstreamFailure: 'no route to host' }],
  [
    'closed-by-endpoint',
    'closed the connection',
    { status: 503, flags: ['UC'], details: 'upstream_reset_before_response_started{connection_termination}' },
  ],
  ['reset-by-endpoint', 'reset the stream', { status: 503, flags: ['UR'] }],
  ['endpoint-protocol', 'broke the protocol', { status: 502, flags: ['UPE'] }],
  ['reset-by-proxy', 'proxy reset', { status: 503, flags: ['LR'] }],
  ['stream-too-long', 'lasted longer', { status: 504, flags: ['UMSDR'] }],
  ['idle', 'nothing came', { status: 504, flags: ['SI'], details: 'stream_idle_timeout' }],
  ['caller-gone', 'went away', { status: 0, flags: ['DC'], details: 'downstream_remote_disconnect' }],
  ['caller-protocol', 'http1.codec_error', { status: 400, flags: ['DPE'], details: 'http1.codec_error' }],
  ['denied', 'no ALLOW rule', { status: 403, details: 'rbac_access_denied_matched_policy[none]' }],
  [
    'denied',
    'ns[default]-policy[deny]-rule[0]',
    {
      status: 403,
      details: 'rbac_access_denied_matched_policy[ns[default]-policy[deny]-rule[0]]',
      policy: 'ns[default]-policy[deny]-rule[0]',
    },
  ],
  ['jwt-refused', 'Jwt is expired', { status: 401, details: 'jwt_authn_access_denied{Jwt_is_expired}' }],
  ['external-denied', 'denied', { status: 403, flags: ['UAEX'], details: 'ext_authz_denied' }],
  ['external-failed', 'could not be asked', { status: 403, flags: ['UAEX'], details: 'ext_authz_error' }],
  ['rate-limited', 'rate limit', { status: 429, flags: ['RL'], details: 'local_rate_limited' }],
  ['rate-limit-failed', 'service', { status: 500, flags: ['RLSE'] }],
  ['overloaded', 'short of memory', { status: 503, flags: ['OM'], details: 'overload' }],
  ['dns-failed', 'resolved', { status: 503, flags: ['DF'], details: 'dns_resolution_failure' }],
  ['too-large', 'larger', { status: 413, details: 'request_payload_too_large' }],
  ['request-late', 'in time', { status: 408, details: 'request_header_timeout' }],
  ['bad-path', 'path', { status: 400, details: 'path_normalization_failed' }],
  ['no-host', 'host', { status: 400, details: 'missing_host_header' }],
  ['no-host', 'host', { status: 400, flags: ['DPE'], details: 'http1.missing_host' }],
  ['headers-too-large', 'larger', { status: 431, flags: ['DPE'], details: 'http1.headers_too_large' }],
  ['misdirected', 'another host', { status: 421, details: 'direct_response' }],
  ['upgrade-refused', 'upgrade', { status: 403, details: 'upgrade_failed' }],
  ['preflight', 'preflight', { details: 'cors_response' }],
  ['redirected', 'redirects', { status: 301, details: 'direct_response' }],
  ['answered-by-route', 'itself', { status: 418, details: 'direct_response' }],
  ['misdirected', 'another host', { status: 421 }],
  ['application-failed', 'failure of its own', { status: 500 }],
  ['application-refused', 'refused', { status: 404 }],
  ['grpc-failed', 'gRPC status 14', { grpcStatus: 14 }],
  ['internal-error', 'proxy failed', { status: 500, details: 'internal_error' }],
];

describe('the verdict', () => {
  for (const [code, words, facts] of CASES)
    test(`${code}: ${JSON.stringify(facts)}`, () => {
      const verdict = verdictOf({ ...told, ...facts });
      assert.equal(verdict.code, code);
      assert.ok(verdict.words.includes(words), verdict.words);
    });

  test('has a remedy wherever something went wrong', () => {
    const fine = new Set<VerdictCode>(['forwarded', 'preflight', 'health-checked', 'redirected', 'answered-by-route']);
    for (const [code, , facts] of CASES)
      assert.equal(verdictOf({ ...told, ...facts }).remedy === '', fine.has(code), code);
  });
});

test('what the proxy of the callee answered is not laid at the door of its application', () => {
  const hop = (direction: 'outbound' | 'inbound', fields: Partial<TapRecordJson>) =>
    ({ ...told, direction, workload: 'ratings-v1', status: 403, ...fields }) as TapRecordJson;
  const asks = { hop: hop('outbound', {}), parent: -1 };
  const denied = { hop: hop('inbound', { details: 'rbac_access_denied_matched_policy[none]' }), parent: 0 };
  const own = { hop: hop('inbound', {}), parent: 0 };
  assert.match(verdictInTree([asks, denied], 0).words, /^the proxy of ratings-v1 answered .* no ALLOW rule matched$/);
  assert.equal(verdictInTree([asks, denied], 0).remedy, 'Look at hop 2.');
  assert.equal(verdictInTree([asks, denied], 1).code, 'denied');
  assert.equal(verdictInTree([asks, own], 0).code, 'application-refused');
  assert.equal(verdictInTree([asks], 0).code, 'application-refused');
  const mutual = { ...asks, hop: { ...asks.hop, mtls: true } };
  assert.match(verdictInTree([mutual], 0).words, /refused it, or its proxy did, whose account was not told$/);
});
