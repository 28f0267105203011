import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, TimerWheel } from '#base';
import { CLUSTER, StatStore, StreamRecord, UNKNOWN_PEER } from '#telemetry';
import { type ClientStreamHandler, HeaderBlock, type RequestHead, type ResponseHead } from '#wire/http';
import { Breaker, Host, unassigned } from '../cluster/index.ts';
import type { HttpStream } from '../http/http-stream.ts';
import type { CompiledRetryPolicy, ForwardTarget, RouteChoice } from '../route/index.ts';
import type { ProxyServices } from '../services.ts';
import type { PooledConnection, PoolWaiter } from '../upstream/http-pool.ts';
import { RETRY_POLICY } from './retry-policy.testing.ts';
import { Router } from './router.ts';

interface Upstream {
  readonly host: string;
  readonly handler: ClientStreamHandler;
  readonly got: string[];
}

const PER_TRY_MS = 100;
/** More than any back-off here. */
const PAUSE_MS = 60;

const POLICY = { ...RETRY_POLICY, perTryTimeoutMs: PER_TRY_MS, maxIntervalMs: 50 } satisfies CompiledRetryPolicy;

interface Ask {
  readonly policy?: Partial<CompiledRetryPolicy>;
  readonly headers?: readonly (readonly [string, string])[];
  readonly hedge?: boolean;
  readonly method?: string;
  readonly bufferLimit?: number;
  readonly timeoutMs?: number;
  readonly breaker?: Partial<Breaker>;
}

/** A router whose upstream connections are there at once and record what they are sent. */
function build(ask: Ask = {}) {
  const clock = new FakeClock();
  const said: string[] = [];
  const upstreams: Upstream[] = [];
  const outcomes: string[] = [];
  const stats = new StatStore();
  const hosts = ['a', 'b', 'c'].map((name) => new Host(unassigned(`${name}:1`, name, 1, ''), clock.now()));
  const breaker = Object.assign(new Breaker(), ask.breaker);
  const cluster = {
    name: 'web',
    stats: stats.cluster('web'),
    services: { clock },
    settings: {},
    warm: true,
    breaker: () => breaker,
    hosts: { all: () => hosts },
    pickFor: ({ avoid }: { avoid?: (host: Host) => boolean }) => hosts.find((host) => avoid?.(host) !== true),
    report: (host: Host, outcome: { kind: string }) => outcomes.push(`${host.spec.address} ${outcome.kind}`),
    pool: (host: Host) => ({
      cancel: () => said.push('cancelled'),
      request: (waiter: PoolWaiter) => {
        const connection = {
          conn: { tls: undefined, localAddress: '10.0.0.1', localPort: 40_000 },
          requests: 0,
          start: (handler: ClientStreamHandler) => {
            const upstream: Upstream = { host: host.spec.address, handler, got: [] };
            upstreams.push(upstream);
            return {
              version: '1.1',
              queuedBytes: 0,
              sendHead: (head: RequestHead, end: boolean) => upstream.got.push(`${head.method}${end ? ' end' : ''}`),
              sendData: (data: Uint8Array, end: boolean) => (
                upstream.got.push(`${Buffer.from(data).toString()}${end ? ' end' : ''}`), true
              ),
              sendTrailers: () => {},
              reset: () => upstream.got.push('reset'),
              pause: () => {},
              resume: () => {},
            };
          },
        };
        waiter.onReady(connection as unknown as PooledConnection);
      },
    }),
  };
  const headers = new HeaderBlock();
  for (const [name, value] of ask.headers ?? []) headers.add(name, value);
  const head: RequestHead = {
    method: ask.method ?? 'GET',
    path: '/',
    authority: 'web',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers,
  };
  const target = {
    kind: 'forward',
    clusterNotFoundCode: 503,
    timeoutMs: ask.timeoutMs ?? 0,
    retry: { ...POLICY, ...ask.policy },
    hedge: ask.hedge ?? true,
    hashPolicies: [],
    mirrors: [],
    upgrades: new Map(),
    priority: 'default',
  } as unknown as ForwardTarget;
  const choice = {
    cluster: 'web',
    route: { action: target, attemptCountInRequest: false, attemptCountInResponse: true },
    hostRewriteLiteral: '',
    mutateRequestHeaders: () => {},
    mutateResponseHeaders: () => {},
  } as unknown as RouteChoice;
  const record = new StreamRecord();
  const wheel = new TimerWheel(clock);
  const services = {
    clock,
    wheel,
    random: new SeededRandom(1),
    clusters: { get: () => cluster },
    peers: { endpoint: () => UNKNOWN_PEER },
  } as unknown as ProxyServices;
  const stream = {
    head,
    choice,
    record,
    bufferLimit: ask.bufferLimit ?? 1000,
    responseHeadSent: false,
    connection: { downstream: { restoredDestination: false }, count: () => {} },
    timers: { setIdle: () => {}, setLife: () => {} },
    config: { router: { suppressHeaders: false, respectExpectedTimeout: false, strict: [] } },
    facts: {},
    reply: (reply: { status: number; details: string }) => (
      said.push(`reply ${reply.status} ${reply.details}`), router.destroy()
    ),
    rescue: (cause: string) => (said.push(`rescue ${cause}`), router.destroy()),
    reset: () => (said.push('reset'), router.destroy()),
    responseHead: (response: ResponseHead, end: boolean) => {
      said.push(`${response.status} of attempt ${response.headers.get('x-envoy-attempt-count')}`);
      if (end) router.destroy();
    },
    responseData: (data: Buffer, end: boolean) => {
      said.push(data.toString());
      if (end) router.destroy();
    },
    sendInformational: (status: number) => said.push(`informational ${status}`),
    pauseRequest: () => {},
    resumeRequest: () => {},
  };
  const router: Router = new Router(stream as unknown as HttpStream, services);
  const count = (name: keyof typeof CLUSTER): number => cluster.stats.get(CLUSTER[name]) || 0;
  return { clock, router, said, upstreams, outcomes, record, breaker, count, head, hosts };
}

const answer = (status: number): ResponseHead => ({ status, headers: new HeaderBlock() });

function begun(ask: Ask = {}) {
  const bed = build(ask);
  bed.router.requestHead(bed.head, true);
  return bed;
}

const of = (bed: ReturnType<typeof build>, n: number): Upstream => bed.upstreams[n] as Upstream;

/** The first attempt took too long and has another one beside it. */
function hedged(ask: Ask = {}) {
  const bed = begun(ask);
  bed.clock.advance(PER_TRY_MS + PAUSE_MS);
  assert.equal(bed.upstreams.length, 2);
  return bed;
}

test('an attempt that takes too long goes on while another begins at another host', () => {
  const bed = hedged();
  assert.deepEqual(
    bed.upstreams.map(({ host, got }) => `${host}: ${got}`),
    ['a: GET end', 'b: GET end'],
  );
  assert.deepEqual(bed.outcomes, ['a timeout']);
  assert.equal(bed.count('upstream_rq_retry'), 1);
  assert.equal(bed.count('upstream_rq_per_try_timeout'), 0, 'nothing was given up');
});

test('the first one may still answer; the other is reset', () => {
  const bed = hedged();
  of(bed, 0).handler.onHead(answer(200), false);
  assert.deepEqual(of(bed, 1).got, ['GET end', 'reset']);
  of(bed, 0).handler.onData(Buffer.from('body'), true);
  assert.deepEqual(bed.said, ['200 of attempt 2', 'body']);
  assert.equal(bed.record.upstreamHost, 'a:1');
  assert.equal(bed.count('upstream_rq_retry_success'), 0, 'no retry brought it');
  assert.deepEqual(bed.outcomes, ['a timeout'], 'its host was judged once');
  assert.deepEqual(
    bed.hosts.map((host) => host.activeRequests),
    [0, 0, 0],
  );
});

test('the second one answers first', () => {
  const bed = hedged();
  of(bed, 1).handler.onHead(answer(200), true);
  assert.deepEqual(bed.said, ['200 of attempt 2']);
  assert.deepEqual(of(bed, 0).got, ['GET end', 'reset']);
  assert.equal(bed.record.upstreamHost, 'b:1');
  // What the loser says now is nobody's business.
  of(bed, 0).handler.onHead(answer(500), true);
  of(bed, 0).handler.onReset('remote-reset', '', true);
  assert.deepEqual(bed.said, ['200 of attempt 2']);
});

test('an answer that would be retried is thrown away while another may come', () => {
  const bed = hedged();
  of(bed, 0).handler.onHead(answer(503), true);
  assert.deepEqual(bed.said, []);
  assert.equal(bed.count('upstream_rq_5xx') + bed.count('retry.upstream_rq_5xx'), 0, 'nobody got it');
  of(bed, 1).handler.onHead(answer(200), true);
  assert.deepEqual(bed.said, ['200 of attempt 2']);
});

test('of two such answers the last one is the answer', () => {
  const bed = hedged();
  of(bed, 1).handler.onHead(answer(503), true);
  of(bed, 0).handler.onHead(answer(502), true);
  assert.deepEqual(bed.said, ['502 of attempt 2']);
});

test('an attempt that breaks leaves the other one alone', () => {
  const bed = hedged();
  of(bed, 1).handler.onReset('connection-termination', '', true);
  assert.deepEqual(bed.said, []);
  of(bed, 0).handler.onHead(answer(200), true);
  assert.deepEqual(bed.said, ['200 of attempt 2']);
});

test('when all break the client is told', () => {
  const bed = hedged();
  of(bed, 0).handler.onReset('connection-termination', '', true);
  of(bed, 1).handler.onReset('connection-termination', '', true);
  assert.match(bed.said.join(), /^reply 503 upstream_reset_before_response_started/);
  assert.equal(bed.breaker.retries, 0);
  assert.equal(bed.breaker.requests, 0);
});

test('an answer while the next attempt waits for its time ends the waiting', () => {
  const bed = begun({ policy: { baseIntervalMs: 40_000, maxIntervalMs: 40_000 } });
  bed.clock.advance(PER_TRY_MS + 20);
  of(bed, 0).handler.onHead(answer(200), false);
  bed.clock.advance(60_000);
  assert.equal(bed.upstreams.length, 1);
  assert.deepEqual(bed.said, ['200 of attempt 1']);
});

test('without retries left, or over the breaker’s limit, the only attempt goes on', () => {
  for (const ask of [{ policy: { retries: 0 } }, { breaker: { maxRetries: 0 } }]) {
    const bed = begun(ask);
    bed.clock.advance(PER_TRY_MS * 20);
    assert.equal(bed.upstreams.length, 1);
    of(bed, 0).handler.onHead(answer(200), true);
    assert.deepEqual(bed.said, ['200 of attempt 1']);
  }
});

test('each attempt has its own time: two retries make three attempts', () => {
  const bed = begun({ policy: { retries: 2 } });
  bed.clock.advance((PER_TRY_MS + PAUSE_MS) * 2);
  assert.deepEqual(
    bed.upstreams.map(({ host }) => host),
    ['a', 'b', 'c'],
  );
  of(bed, 1).handler.onHead(answer(204), true);
  assert.deepEqual([of(bed, 0).got.at(-1), of(bed, 2).got.at(-1)], ['reset', 'reset']);
  assert.deepEqual(bed.said, ['204 of attempt 3']);
});

test('a body within the buffer limit goes to both, one past it to the first only', () => {
  for (const [bufferLimit, attempts] of [
    [10, 2],
    [3, 1],
  ] as const) {
    const bed = build({ bufferLimit, method: 'POST' });
    bed.router.requestHead(bed.head, false);
    bed.router.requestData(Buffer.from('body'), true);
    bed.clock.advance(PER_TRY_MS * 20);
    assert.deepEqual(
      bed.upstreams.map(({ got }) => got),
      Array.from({ length: attempts }, () => ['POST', 'body end']),
    );
  }
});

test('the time of an attempt begins when the request is whole', () => {
  const bed = build({ method: 'POST' });
  bed.router.requestHead(bed.head, false);
  bed.clock.advance(PER_TRY_MS * 20);
  assert.equal(bed.upstreams.length, 1);
  bed.router.requestData(Buffer.from('x'), true);
  bed.clock.advance(PER_TRY_MS + PAUSE_MS);
  assert.equal(bed.upstreams.length, 2);
});

test('the whole request’s limit ends all attempts', () => {
  const bed = hedged({ timeoutMs: 1000 });
  bed.clock.advance(2000);
  assert.deepEqual(bed.said, ['reply 504 response_timeout']);
  assert.deepEqual([of(bed, 0).got.at(-1), of(bed, 1).got.at(-1)], ['reset', 'reset']);
});

test('a client that goes away ends all attempts', () => {
  const bed = hedged();
  bed.router.destroy();
  assert.deepEqual([of(bed, 0).got.at(-1), of(bed, 1).got.at(-1)], ['reset', 'reset']);
  assert.equal(bed.breaker.retries, 0);
});

test('a request may ask for it, or against it, and the upstream does not see that', () => {
  const name = 'x-envoy-hedge-on-per-try-timeout';
  const asks = hedged({ hedge: false, headers: [[name, 'true']] });
  assert.deepEqual(of(asks, 0).got, ['GET end']);
  assert.equal(asks.head.headers.get(name), undefined);
  const refuses = begun({ headers: [[name, 'false']] });
  refuses.clock.advance(PER_TRY_MS + PAUSE_MS);
  assert.deepEqual(of(refuses, 0).got, ['GET end', 'reset']);
});

test('without hedging the attempt that takes too long is given up', () => {
  const bed = begun({ hedge: false });
  bed.clock.advance(PER_TRY_MS + PAUSE_MS);
  assert.deepEqual(of(bed, 0).got, ['GET end', 'reset']);
  assert.equal(bed.upstreams.length, 2);
  assert.equal(bed.count('upstream_rq_per_try_timeout'), 1);
});
