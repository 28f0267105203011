// Expressions over streams: what they read, what is an error, and that a second implementation agrees.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { CEL_ATTRIBUTES, checkCel, parseCel } from '#base';
import { HeaderBlock } from '#wire/http';
import { StreamRecord } from '../stream-record.ts';
import { type CelValue, compileCel } from './compile-cel.ts';

const tools = { pattern: (source: string) => (value: string) => new RegExp(source).test(value) };

function run(expression: string, change: (record: StreamRecord) => void = () => {}): CelValue {
  const compiled = compileCel(expression, tools);
  if (!compiled.ok) throw new Error(compiled.error);
  const record = new StreamRecord();
  record.path = '/a/b?x=1';
  record.method = 'GET';
  record.responseCode = 503;
  record.requestHeaders = new HeaderBlock();
  record.requestHeaders.add('X-User', 'ann');
  change(record);
  return compiled.value({ record, inbound: true, node: { WORKLOAD_NAME: 'reviews', LABELS: { app: 'r' } } });
}

test('the expressions of Istio’s documentation hold for what they are for', () => {
  assert.equal(run('response.code >= 400'), true);
  assert.equal(run("response.code >= 400 && request.url_path != '/healthz'"), true);
  assert.equal(run("request.path.startsWith('/a') ? 'a' : 'other'"), 'a');
  assert.equal(run("request.headers['x-user'] == 'ann'"), true);
  assert.equal(run('has(request.headers.xuser)'), false);
  assert.equal(run('!has(response.grpc_status)'), true);
  assert.equal(run("node.metadata['WORKLOAD_NAME'] + ':' + string(response.code)"), 'reviews:503');
  assert.equal(run("node.metadata['LABELS']['app']"), 'r');
  assert.equal(run("request.url_path.matches('^/[a-z]/b$')"), true);
  assert.equal(run('connection.mtls || response.code in [500, 503]'), true);
});

test('what is missing is an error, which and and or decide without where they can', () => {
  assert.equal(run("request.headers['absent'] == 'a'"), undefined);
  assert.equal(run("request.headers['absent'] == 'a' || true"), true);
  assert.equal(run("request.headers['absent'] == 'a' && false"), false);
  assert.equal(run("request.headers['absent'] == 'a' && true"), undefined);
  assert.equal(run("response.code > '4'"), undefined);
  assert.equal(run('1 / 0'), undefined);
});

test('what is no expression is refused with a sentence', () => {
  for (const [text, says] of [
    ['', /empty/],
    ['response.code >=', /ends too early/],
    ['request.pth', /no attribute/],
    ['foo == 1', /no attribute/],
    ['size(1, 2)', /takes 1 argument/],
    ['request.path.explode()', /no method `explode`/],
    ["'abc", /no end/],
    ['a b', /not expected/],
    ['('.repeat(100), /deeper/],
    [`'${'a'.repeat(5_000)}'`, /characters/],
  ] as const) {
    const compiled = compileCel(text, tools);
    assert.equal(compiled.ok, false, text);
    assert.match(compiled.ok ? '' : compiled.error, says);
  }
});

test('whoever writes an expression is told of the attributes that exist', () => {
  for (const name of CEL_ATTRIBUTES) assert.ok(compileCel(`${name} == 1 || true`, tools).ok, name);
  assert.equal(checkCel("request.headers['a'] == upstream_peer.workload"), undefined);
  assert.match(checkCel('request.pth == 1') ?? '', /no attribute/);
});

test('no text makes the reader throw or run long', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      parseCel(text);
    }),
    { numRuns: 500 },
  );
});

test('a second implementation finds the same', () => {
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  const number = fc.integer({ min: 0, max: 9 }).map(String);
  const word = fc.constantFrom("'a'", "'ab'", "'/a/b'");
  const { test: comparison } = fc.letrec<{ test: string; sum: string }>((tie) => ({
    sum: fc.oneof(
      { depthSize: 'small' },
      number,
      fc.tuple(tie('sum'), fc.constantFrom('+', '-', '*'), number).map((parts) => `(${parts.join(' ')})`),
    ),
    test: fc.oneof(
      { depthSize: 'small' },
      fc
        .tuple(tie('sum'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('sum'))
        .map((parts) => parts.join(' ')),
      fc.tuple(word, fc.constantFrom('startsWith', 'endsWith', 'contains'), word).map(([a, f, b]) => `${a}.${f}(${b})`),
      fc.tuple(tie('test'), fc.constantFrom('&&', '||'), tie('test')).map((parts) => parts.join(' ')),
      tie('test').map((inner) => `!(${inner})`),
      fc.tuple(tie('test'), tie('test'), tie('test')).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
    ),
  }));
  fc.assert(
    fc.property(comparison, (text) => {
      assert.equal(run(text), environment.evaluate(text), text);
    }),
    { numRuns: 300 },
  );
});
