// What a proxy does to a traced request: the decision in its id, the headers that go on, and the span that comes of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '#base';
import { type Span, StreamRecord, traceReasonOf } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { NOBODY } from '../services.ts';
import type { SpanExporter } from './span-exporter.ts';
import { StreamTracer, type TracerOptions } from './stream-tracer.ts';

const ID = '00000063-1111-4222-8333-444455556666';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

function setUp(change: Partial<TracerOptions> = {}) {
  const spans: Span[] = [];
  const tracer = new StreamTracer({
    kind: 'server',
    rates: { random: 100, client: 100, overall: 100 },
    useRequestId: true,
    tags: [],
    maxPathLength: 256,
    formats: ['b3-multi', 'b3-single', 'w3c'],
    shortIds: false,
    alsoW3c: false,
    keepsContext: false,
    exporter: { add: (span: Span) => void spans.push(span) } as unknown as SpanExporter,
    self: { ...NOBODY, nodeId: 'me' },
    random: new SeededRandom(7),
    dispose: () => {},
    ...change,
  });
  const run = (headers: Readonly<Record<string, string>>, id = ID) => {
    const block = new HeaderBlock();
    for (const [name, value] of Object.entries({ 'x-request-id': id, ...headers })) block.add(name, value);
    const head = { method: 'GET', path: '/p', authority: 'reviews:9080', headers: block } as unknown as RequestHead;
    const record = Object.assign(new StreamRecord(), {
      requestId: id,
      path: '/p',
      authority: 'reviews:9080',
      requestHeaders: block,
      responseCode: 200,
      endMs: 3,
    });
    tracer.begin(head, record, { operation: 'reviews.default.svc.cluster.local:9080/*', propagate: true });
    tracer.end(record);
    return { headers: block, record };
  };
  return { run, spans };
}

test('a sampled request gets its decision into its id, a context, and a span', () => {
  const { run, spans } = setUp();
  const { headers, record } = run({});
  assert.equal(traceReasonOf(record.requestId), 'sampled');
  assert.equal(headers.get('x-request-id'), record.requestId);
  assert.equal(headers.get('x-b3-sampled'), '1');
  assert.equal(headers.get('x-b3-spanid'), spans[0]?.spanId);
  assert.equal(spans[0]?.parentSpanId, '');
  assert.equal(spans[0]?.name, 'reviews.default.svc.cluster.local:9080/*');
});

test('0.01 % is one request id of ten thousand', () => {
  const { run, spans } = setUp({ rates: { random: 0.01, client: 100, overall: 100 } });
  // The first eight digits modulo 10,000 decide: 0 is taken, 1 is not.
  assert.equal(run({}, '00002710-1111-4222-8333-444455556666').headers.get('x-b3-sampled'), '1');
  assert.equal(run({}, '00002711-1111-4222-8333-444455556666').headers.get('x-b3-sampled'), '0');
  assert.equal(spans.length, 1);
});

test('what the caller decided stands, in every form, and its span is the parent', () => {
  for (const said of [
    { traceparent: `00-${TRACE}-${PARENT}-01` },
    { b3: `${TRACE}-${PARENT}-1` },
    { 'x-b3-traceid': TRACE, 'x-b3-spanid': PARENT, 'x-b3-sampled': '1' },
  ]) {
    const { run, spans } = setUp({ rates: { random: 0, client: 0, overall: 100 } });
    const { headers } = run(said);
    assert.equal(spans[0]?.traceId, TRACE, JSON.stringify(said));
    assert.equal(spans[0]?.parentSpanId, PARENT);
    // Whatever form came in goes on with the new span, so that no reader takes the wrong parent.
    const span = spans[0]?.spanId ?? '';
    for (const name of Object.keys(said))
      if (name !== 'x-b3-traceid' && name !== 'x-b3-sampled') assert.ok(headers.get(name)?.includes(span), name);
    assert.equal(headers.get('x-b3-spanid'), span);
  }
});

test('a refusal stands too, and goes on', () => {
  for (const said of [{ traceparent: `00-${TRACE}-${PARENT}-00` }, { b3: '0' }, { 'x-b3-sampled': '0' }]) {
    const { run, spans } = setUp();
    const { headers } = run(said);
    assert.equal(spans.length, 0, JSON.stringify(said));
    assert.equal(headers.get('x-b3-sampled'), '0');
  }
});

test('a later proxy decides as the first did, by the id alone', () => {
  const first = setUp({ exporter: undefined });
  const { record } = first.run({});
  const later = setUp({ rates: { random: 0, client: 0, overall: 100 } });
  later.run({}, record.requestId);
  assert.equal(later.spans.length, 1);
});

test('the caller’s proxy names the operation, the callee’s takes the name and hides it', () => {
  const client = setUp({ kind: 'client' });
  assert.equal(client.run({}).headers.get('x-envoy-decorator-operation'), 'reviews.default.svc.cluster.local:9080/*');
  const server = setUp();
  const { headers } = server.run({ 'x-envoy-decorator-operation': 'told' });
  assert.equal(headers.get('x-envoy-decorator-operation'), undefined);
  assert.equal(server.spans[0]?.name, 'told');
});

test('without a tracer headers pass as they came', () => {
  const { run, spans } = setUp({ exporter: undefined });
  const { headers } = run({ traceparent: `00-${TRACE}-${PARENT}-01` });
  assert.equal(headers.get('traceparent'), `00-${TRACE}-${PARENT}-01`);
  assert.equal(headers.get('x-b3-traceid'), undefined);
  assert.equal(spans.length, 0);
});

test('W3C’s header goes beside B3’s where both are asked for', () => {
  const { run, spans } = setUp({ alsoW3c: true });
  const { headers } = run({});
  assert.equal(headers.get('traceparent'), `00-${spans[0]?.traceId}-${spans[0]?.spanId}-01`);
  assert.equal(headers.get('x-b3-spanid'), spans[0]?.spanId);
});

test('where the context is kept, spans are told and headers pass as they came', () => {
  const { run, spans } = setUp({ keepsContext: true });
  const { headers } = run({ traceparent: `00-${TRACE}-${PARENT}-01` });
  assert.equal(spans[0]?.parentSpanId, PARENT);
  assert.equal(headers.get('traceparent'), `00-${TRACE}-${PARENT}-01`);
  assert.equal(headers.get('x-b3-traceid'), undefined);
});
