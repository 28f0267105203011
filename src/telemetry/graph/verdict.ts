// Why a request ended as it did, in words with what to look at next, from one tapped record: Envoy's response flags and
// response-code details, so that it reads records of both data planes alike.

import { exceededLimit, missingPlugin, tokenTrouble } from './denial-words.ts';
import { faultWords } from './fault-words.ts';
import { injectedFault } from './injected-fault.ts';
import { isUndeclared, passThroughFailure, passThroughRemedy, passThroughWords } from './pass-through.ts';
import type { TapRecordJson } from './tap-record.ts';

export interface Verdict {
  /** For programs: does not change with the words. */
  readonly code: VerdictCode;
  readonly words: string;
  /** What to look at or change; '' where nothing is wrong. */
  readonly remedy: string;
}

type Told = Pick<
  TapRecordJson,
  | 'status'
  | 'flags'
  | 'details'
  | 'attempts'
  | 'policy'
  | 'upstreamFailure'
  | 'cluster'
  | 'endpoint'
  | 'grpcStatus'
  | 'cause'
> &
  Partial<Pick<TapRecordJson, 'authority' | 'route' | 'undeclared'>>;

interface Row {
  readonly when: (hop: Told) => boolean;
  readonly words: (hop: Told) => string;
  readonly remedy: string | ((hop: Told) => string);
}

const flag =
  (name: string) =>
  ({ flags }: Told): boolean =>
    flags.includes(name);
const says =
  (beginning: string) =>
  ({ details }: Told): boolean =>
    details.startsWith(beginning);
const fails =
  (pattern: RegExp) =>
  (hop: Told): boolean =>
    pattern.test(hop.upstreamFailure) || pattern.test(hop.details);
const both =
  (a: (hop: Told) => boolean, b: (hop: Told) => boolean) =>
  (hop: Told): boolean =>
    a(hop) && b(hop);
const plain = (words: string) => (): string => words;

const SAN = /SAN|subject.?alt|hostname mismatch/i;
const TLS = /TLS|certificate|ssl|handshake/i;
const REFUSED = /refused|:_?111|delayed_connect_error/i;

/** Only our own proxy says which one. */
const plugin = ({ policy }: Told): string => {
  const name = /^plugin\[(.*)\]$/.exec(policy)?.[1];
  return name === undefined ? '' : ` (${name})`;
};

/** The first row that fits tells the outcome: what is more exact stands before what is general. */
const ROWS = {
  'plugin-missing': {
    when: ({ policy, details }) => missingPlugin(policy) !== '' || missingPlugin(details) !== '',
    words: ({ policy, details }) =>
      `the module of WasmPlugin ${missingPlugin(policy) || missingPlugin(details)} is not there, and nothing may pass without it`,
    remedy: "The WasmPlugin's status says why its module could not be had; failStrategy FAIL_OPEN lets requests pass.",
  },
  'plugin-failed': {
    when: says('wasm_fail_stream'),
    words: (hop) => `a plugin failed, and nothing may pass without it${plugin(hop)}`,
    remedy: "The proxy's log says what ended the plugin; failStrategy decides what becomes of requests then.",
  },
  'plugin-answered': {
    when: (hop) => says('via_wasm')(hop) || plugin(hop) !== '',
    words: (hop) => `a plugin answered it${plugin(hop)}, with the details "${hop.details}"`,
    remedy: 'Look at the pluginConfig of the WasmPlugin, and at what it logs.',
  },
  'too-large': {
    when: ({ details }) =>
      /^re(quest|sponse)_payload_too_large/.test(details) || details.includes('messagelimits[request-body]'),
    words: plain('a body is larger than the proxy takes'),
    remedy: 'Look at request.body of the MessageLimits of the workload; filters that read bodies have a limit too.',
  },
  'headers-too-large': {
    when: ({ details }) => /^http[12]\.(headers_too_large|too_many_headers)/.test(details),
    words: ({ details }) =>
      details.startsWith('http1.too_many')
        ? 'it has more headers than the proxy takes'
        : 'its headers are larger than the proxy takes',
    remedy: 'Look at request.headers of the MessageLimits of the workload; unset, it takes 60 KiB and 100 headers.',
  },
  denied: {
    when: says('rbac_access_denied'),
    words: (hop) =>
      `an AuthorizationPolicy denied it${hop.policy === '' ? ': no ALLOW rule matched' : ` (${hop.policy})`}`,
    remedy: 'topsail authz explain says which rule decided and the nearest miss.',
  },
  'jwt-refused': {
    when: says('jwt_authn_access_denied'),
    words: (hop) => `its token was refused: ${tokenTrouble(hop.details)}`,
    remedy: 'Look at the token and at the RequestAuthentication of the workload.',
  },
  'external-denied': {
    when: says('ext_authz_denied'),
    words: plain('the external authorizer denied it'),
    remedy: 'Look at the policy of the authorizer that the CUSTOM policy names.',
  },
  'external-failed': {
    when: (hop) => says('ext_authz_error')(hop) || flag('UAEX')(hop),
    words: plain('the external authorizer could not be asked'),
    remedy: 'Look whether the provider of the CUSTOM policy runs; failOpen decides what happens meanwhile.',
  },
  'rate-limited': {
    when: (hop) => flag('RL')(hop) || says('local_rate_limited')(hop),
    words: ({ policy, details }) => {
      const limit = exceededLimit(policy) || exceededLimit(details);
      return limit === '' ? 'a rate limit was reached' : `${limit} was exceeded`;
    },
    remedy: 'Raise the limit, or slow the caller down; mode SHADOW counts without refusing.',
  },
  'rate-limit-failed': {
    when: flag('RLSE'),
    words: plain('the rate limit service could not be asked'),
    remedy: 'Look whether the rate limit service runs.',
  },
  overloaded: {
    when: flag('OM'),
    words: plain('the proxy was short of memory or time and shed the request'),
    remedy: 'Give the proxy more memory or CPU, or add replicas; overload.* in its /stats says which was short.',
  },
  'fault-aborted': {
    when: flag('FI'),
    words: (hop) => faultWords(injectedFault(hop)),
    remedy: 'Look at http.fault.abort of the VirtualService.',
  },
  'undeclared-failed': {
    when: (hop) => isUndeclared(hop) && (hop.flags.length > 0 || hop.status >= 500),
    words: (hop) => `${passThroughWords(hop)}, and it failed${passThroughFailure(hop)}`,
    remedy: passThroughRemedy,
  },
  'no-chain': {
    when: both(flag('NR'), says('filter_chain_not_found')),
    words: plain('no filter chain took the connection: plaintext where mutual TLS is demanded, or an unknown SNI'),
    remedy: 'topsail mtls plan says who speaks plaintext to whom; at a gateway look at the hosts of its servers.',
  },
  'no-route': {
    when: flag('NR'),
    words: plain('no route matched'),
    remedy:
      'topsail proxy-config routes shows what the proxy knows; look at hosts, gateways and match of the VirtualServices.',
  },
  'no-cluster': {
    when: (hop) => flag('NC')(hop) || says('cluster_not_found')(hop),
    words: (hop) =>
      `the route leads to a cluster that the proxy does not have${hop.cluster === '' ? '' : ` (${hop.cluster})`}`,
    remedy:
      'Look at destination.host and subset of the route: the Service, or the subset in a DestinationRule, is missing.',
  },
  'no-endpoint': {
    when: flag('UH'),
    words: (hop) => `the cluster has no endpoint that may be used${hop.cluster === '' ? '' : ` (${hop.cluster})`}`,
    remedy: 'topsail proxy-config endpoints shows which there are, which are unhealthy, and which were ejected.',
  },
  'circuit-open': {
    when: flag('UO'),
    words: plain('the circuit breaker was open: more connections or requests than the DestinationRule allows'),
    remedy: 'Look at trafficPolicy.connectionPool of the DestinationRule and at how long the service takes.',
  },
  'san-mismatch': {
    when: both(flag('UF'), fails(SAN)),
    words: plain('the endpoint showed a certificate of another identity'),
    remedy: 'Look at subjectAltNames of the DestinationRule, and at the service account of the endpoint.',
  },
  'tls-failed': {
    when: both(flag('UF'), fails(TLS)),
    words: plain('the TLS handshake with the endpoint failed'),
    remedy: 'Look at tls of the DestinationRule: the endpoint may speak plaintext, or trust another root.',
  },
  'connect-timeout': {
    when: both(flag('UF'), fails(/time/i)),
    words: plain('connecting to the endpoint took too long'),
    remedy: 'Look whether the endpoint is reachable; connectTimeout is in the DestinationRule.',
  },
  'connect-refused': {
    when: both(flag('UF'), fails(REFUSED)),
    words: plain('the endpoint refused the connection'),
    remedy: 'Look whether the application listens on the port that its Service names.',
  },
  'connect-failed': {
    when: flag('UF'),
    words: plain('the endpoint could not be reached'),
    remedy: 'Look whether the endpoint runs, and whether it speaks what the caller expects.',
  },
  'try-timeout': {
    when: both(flag('UT'), says('upstream_per_try_timeout')),
    words: plain('every try took longer than perTryTimeout'),
    remedy: 'Look at retries.perTryTimeout of the VirtualService and at how long the service takes.',
  },
  timeout: {
    when: flag('UT'),
    words: plain('the endpoint took longer than the timeout of the route'),
    remedy: 'Look at timeout of the VirtualService and at how long the service takes.',
  },
  'stream-too-long': {
    when: (hop) => flag('UMSDR')(hop) || flag('DT')(hop) || says('max_duration_timeout')(hop),
    words: plain('the stream lasted longer than it may'),
    remedy: 'Look at the longest duration of streams that the route or the listener allows.',
  },
  idle: {
    when: flag('SI'),
    words: plain('nothing came for too long'),
    remedy: 'Look at the idle time-outs of route and listener.',
  },
  'retries-exhausted': {
    when: flag('URX'),
    words: (hop) => `every try failed${hop.attempts > 1 ? ` (${hop.attempts} tries)` : ''}; the last: ${lastTry(hop)}`,
    remedy: 'The endpoints fail one after another: look at their logs; retries are in the VirtualService.',
  },
  'closed-by-endpoint': {
    when: flag('UC'),
    words: plain('the endpoint closed the connection before it answered'),
    remedy: "Look at the application's log: it crashed, was stopped, or closes connections that rest.",
  },
  'reset-by-endpoint': {
    when: flag('UR'),
    words: plain('the endpoint reset the stream'),
    remedy: "Look at the application's log.",
  },
  'endpoint-protocol': {
    when: flag('UPE'),
    words: plain('the endpoint broke the protocol'),
    remedy: 'Look whether the port speaks what the name or appProtocol of the Service port says.',
  },
  'reset-by-proxy': {
    when: flag('LR'),
    words: plain('the proxy reset the stream'),
    remedy: "Look at the proxy's log.",
  },
  'dns-failed': {
    when: (hop) => flag('DF')(hop) || says('dns_')(hop),
    words: plain('the name of the destination could not be resolved'),
    remedy: 'Look at the hosts of the ServiceEntry and at the DNS of the machine.',
  },
  'no-host': {
    when: (hop) => says('missing_host_header')(hop) || says('http1.missing_host')(hop),
    words: plain('it names no host'),
    remedy: 'Send a Host header.',
  },
  'caller-protocol': {
    when: flag('DPE'),
    words: (hop) => `the caller broke the protocol${hop.details === '' ? '' : ` (${hop.details})`}`,
    remedy: 'Look at what the caller sends: docs/errors names the detail.',
  },
  'caller-gone': {
    when: flag('DC'),
    words: plain('the caller went away before the answer was whole'),
    remedy: "Compare the caller's own time-out with how long the service takes.",
  },
  'request-late': {
    when: (hop) => says('request_overall_timeout')(hop) || says('request_header_timeout')(hop),
    words: plain('the caller did not send its request in time'),
    remedy: 'Look at the network between caller and proxy.',
  },
  'bad-path': {
    when: says('path_normalization_failed'),
    words: plain('the path has a form that is not let through'),
    remedy: 'Look at pathNormalization in MeshConfig.',
  },
  'upgrade-refused': {
    when: says('upgrade_failed'),
    words: plain('the upgrade that it asks for is not allowed'),
    remedy: 'Look at the protocol of the port.',
  },
  preflight: { when: says('cors_'), words: plain('the proxy answered a CORS preflight'), remedy: '' },
  'health-checked': { when: says('health_check_ok'), words: plain('the proxy answered a health check'), remedy: '' },
  misdirected: {
    when: (hop) => hop.status === 421,
    words: plain('it came on a connection of another host'),
    remedy: 'The client has to open a connection of its own for this host; clients of HTTP/2 do so by themselves.',
  },
  redirected: {
    when: (hop) => says('direct_response')(hop) && hop.status >= 300 && hop.status < 400,
    words: plain('a route redirects it'),
    remedy: '',
  },
  'answered-by-route': { when: says('direct_response'), words: plain('a route answers it itself'), remedy: '' },
  'internal-error': {
    when: says('internal_error'),
    words: plain('the proxy failed on it'),
    remedy: 'This is a fault of the proxy: please report it with the bug-report.',
  },
  // Envoy does not name the plugin that answers, whose own words these are.
  'proxy-answered': {
    when: (hop) => hop.endpoint === '' && hop.status >= 400 && hop.details !== '' && !says('via_upstream')(hop),
    words: (hop) => `a filter of the proxy answered it, with the details "${hop.details}"`,
    remedy: 'Look at the WasmPlugins of the workload, and at what they log.',
  },
  'application-failed': {
    when: (hop) => hop.status >= 500,
    words: plain('the application answered with a failure of its own'),
    remedy: "Look at the application's log.",
  },
  'application-refused': {
    when: (hop) => hop.status >= 400,
    words: plain('the application refused it'),
    remedy: "Look at the application's log.",
  },
  'grpc-failed': {
    when: (hop) => hop.grpcStatus > 0,
    words: (hop) => `the application answered with gRPC status ${hop.grpcStatus}`,
    remedy: "Look at the application's log.",
  },
  'after-retries': {
    when: (hop) => hop.attempts > 1,
    words: (hop) => `it was answered at try ${hop.attempts}`,
    remedy: 'The tries before failed: the access log and topsail stat show of which endpoint.',
  },
  undeclared: { when: isUndeclared, words: passThroughWords, remedy: passThroughRemedy },
  delayed: {
    when: flag('DI'),
    words: (hop) => faultWords(injectedFault(hop)),
    remedy: 'Look at http.fault.delay of the VirtualService.',
  },
  forwarded: { when: () => true, words: plain('it was forwarded and answered'), remedy: '' },
} as const satisfies Record<string, Row>;

export type VerdictCode = keyof typeof ROWS;

export function verdictOf(hop: Told): Verdict {
  for (const [code, row] of Object.entries(ROWS) as [VerdictCode, Row][])
    if (row.when(hop))
      return { code, words: row.words(hop), remedy: typeof row.remedy === 'string' ? row.remedy : row.remedy(hop) };
  throw new Error('the last row fits everything');
}

function lastTry(hop: Told): string {
  return verdictOf({ ...hop, attempts: 1, flags: hop.flags.filter((one) => one !== 'URX') }).words;
}
