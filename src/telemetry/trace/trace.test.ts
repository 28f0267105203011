import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '#base';
import { HeaderBlock } from '#wire/http';
import { StreamRecord } from '../stream-record.ts';
import {
  childContext,
  decideSampling,
  DEFAULT_SAMPLING,
  sampleValue,
  traceReasonOf,
  withTraceReason,
} from './sampling.ts';
import { encodeOtlp } from './otlp.ts';
import { encodeZipkin, spanOf } from './span.ts';
import { readSampledOnly, readTraceContext, type TraceFormat, writeTraceContext } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

function headers(fields: Record<string, string>): HeaderBlock {
  const block = new HeaderBlock();
  for (const [k, v] of Object.entries(fields)) block.add(k, v);
  return block;
}

test('a W3C traceparent is read with its state', () => {
  const c = readTraceContext(headers({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=b' }));
  assert.deepEqual(c, {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: '',
    sampled: true,
    debug: false,
    traceState: 'a=b',
  });
});

for (const bad of [
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-01-x`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  '',
]) {
  test(`traceparent "${bad.slice(0, 20)}…" is no context`, () =>
    assert.equal(readTraceContext(headers({ traceparent: bad })), undefined));
}

test('two traceparents are none: nobody can say which one is meant', () => {
  const block = headers({ traceparent: `00-${TRACE}-${SPAN}-01` });
  block.add('traceparent', `00-${TRACE}-${SPAN}-00`);
  assert.equal(readTraceContext(block), undefined);
});

test('a later version may say more', () => {
  assert.equal(readTraceContext(headers({ traceparent: `01-${TRACE}-${SPAN}-01-more` }))?.traceId, TRACE);
});

test('B3 in both forms, short ids padded', () => {
  assert.equal(
    readTraceContext(headers({ b3: `a3ce929d0e0e4736-${SPAN}-d` }))?.traceId,
    `${'0'.repeat(16)}a3ce929d0e0e4736`,
  );
  assert.equal(readTraceContext(headers({ b3: `${TRACE}-${SPAN}-0` }))?.sampled, false);
  assert.equal(readTraceContext(headers({ b3: `${TRACE}-${SPAN}` }))?.sampled, undefined);
  const multi = readTraceContext(headers({ 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': '1' }));
  assert.equal(multi?.sampled, true);
  assert.equal(readSampledOnly(headers({ b3: '0' })), false);
});

test('what is written in any format is read back', () => {
  for (const format of ['w3c', 'b3-single', 'b3-multi'] satisfies TraceFormat[]) {
    const block = new HeaderBlock();
    const context = childContext(undefined, true, new SeededRandom(1));
    writeTraceContext(block, context, [format]);
    const back = readTraceContext(block, [format]);
    assert.equal(back?.traceId, context.traceId);
    assert.equal(back?.spanId, context.spanId);
    assert.equal(back?.sampled, true);
  }
});

test('garbage never throws', () => {
  fc.assert(
    fc.property(fc.constantFrom('traceparent', 'b3', 'x-b3-traceid'), fc.string(), (name, value) => {
      readTraceContext(headers({ [name]: value }));
    }),
  );
});

test('the decision travels in the request id and stands on the next proxy', () => {
  const id = '12345678-1234-4234-8234-123456789abc';
  const marked = withTraceReason(id, 'sampled');
  assert.equal(marked, '12345678-1234-9234-8234-123456789abc');
  assert.equal(traceReasonOf(marked), 'sampled');
  const never = { random: 0, client: 0, overall: 100 };
  const random = new SeededRandom(1);
  assert.equal(
    decideSampling(
      { requestId: marked, context: undefined, clientForced: false, useRequestId: true, rates: never },
      random,
    ),
    true,
  );
  assert.equal(
    decideSampling(
      { requestId: id, context: undefined, clientForced: false, useRequestId: true, rates: never },
      random,
    ),
    false,
  );
  assert.equal(sampleValue('not a uuid'), undefined);
});

test('one percent of random ids is one percent', () => {
  const random = new SeededRandom(7);
  let sampled = 0;
  for (let i = 0; i < 20_000; i++) {
    if (
      decideSampling(
        {
          requestId: random.uuid(),
          context: undefined,
          clientForced: false,
          useRequestId: true,
          rates: { ...DEFAULT_SAMPLING, random: 1 },
        },
        random,
      )
    )
      sampled++;
  }
  assert.ok(sampled > 140 && sampled < 260, String(sampled));
});

test('a span becomes Zipkin JSON and OTLP', () => {
  const record = Object.assign(new StreamRecord(), {
    startWallMs: 1_750_000_000_000.5,
    endMs: 2.25,
    responseCode: 503,
    method: 'GET',
    path: '/x',
    authority: 'a',
  });
  const context = childContext(undefined, true, new SeededRandom(1));
  const span = spanOf(record, context, { kind: 'server', name: 'reviews:9080/*', nodeId: 'n' });
  const [zipkin] = JSON.parse(encodeZipkin([span], 'reviews.default', '10.0.0.1')) as {
    duration: number;
    tags: Record<string, string>;
  }[];
  assert.equal(zipkin?.duration, 2250);
  assert.equal(zipkin?.tags['error'], 'true');
  const otlp = Buffer.from(encodeOtlp([span], 'reviews.default'));
  for (const part of ['service.name', 'reviews.default', 'reviews:9080/*', 'http.status_code'])
    assert.ok(otlp.includes(part), part);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(1_750_000_000_000_500_000n);
  assert.ok(otlp.includes(start));
  assert.ok(otlp.includes(Buffer.from(span.traceId, 'hex')));
});
