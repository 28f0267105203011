import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { balanceWeights } from './balance-weights.ts';
import { clusterWords } from './cluster-name.ts';
import { edgeOf } from './fixtures.testing.ts';
import { parseFind } from './find-expression.ts';
import { durationText, millisText, percentText, rateText, roundText } from './format.ts';
import { buildGraph } from './graph-model.ts';
import { diffLines } from './line-diff.ts';
import { byPain } from './pain.ts';
import { type Schemas, suggestionsAt } from './schema-complete.ts';
import { writeYaml } from './write-yaml.ts';
import { yamlPlace } from './yaml-path.ts';

test('numbers read as people say them', () => {
  assert.deepEqual([0, 0.04, 4.9, 120, 1500, 25_000].map(rateText), ['0', '0.04', '4.9', '120', '1.5k', '25k']);
  assert.deepEqual([0, 3.14, 42.4, 1500, null].map(millisText), ['–', '3.1 ms', '42 ms', '1.5 s', '–']);
  assert.deepEqual([0, 17, 1_234, 2_980].map(roundText), ['0', '17', '1\u202f200', '3\u202f000']);
  assert.deepEqual(
    [durationText(5000), durationText(3_700_000), durationText(90_000_000)],
    ['5 s', '1 h 1 min', '1 d 1 h'],
  );
});

test('a share is never rounded to a whole that it is not', () => {
  assert.deepEqual([1, 0.99996, 0.987, 0.0004, 0].map(percentText), ['100 %', '>99.9 %', '98.7 %', '<0.1 %', '0 %']);
});

test('what fails comes before what is slow, and both before what is well', () => {
  const row = (workload: string, successRate: number, p99Ms: number) => ({
    workload,
    namespace: '',
    service: '',
    version: '',
    successRate,
    requestsPerSecond: 10,
    deniedPerSecond: 0,
    p50Ms: 1,
    p95Ms: 1,
    p99Ms,
    mtlsShare: 1,
  });
  assert.deepEqual(
    [row('well', 1, 10), row('slow', 1, 5000), row('failing', 0.9, 10)].sort(byPain).map((one) => one.workload),
    ['failing', 'slow', 'well'],
  );
});

test('find takes words, comparisons, "or" and "!"', () => {
  const { nodes, links } = buildGraph(
    [
      edgeOf({ errorsPerSecond: 0.05 }),
      edgeOf({ destination: 'ratings-v1', destinationCanonical: 'ratings', mtls: 0 }),
    ],
    [],
    { level: 'workload', collapsed: new Set(), expanded: new Set(), idle: false },
  );
  const found = (text: string): readonly string[] => {
    const result = parseFind(text);
    assert.ok(result.ok && result.finder !== undefined);
    return [
      ...nodes.filter(result.finder.node).map((one) => one.label),
      ...links.filter(result.finder.link).map((one) => one.mtls),
    ];
  };
  assert.deepEqual(found('reviews'), ['reviews-v1']);
  assert.deepEqual(found('errors>1'), ['reviews-v1', 'all']);
  assert.deepEqual(found('mtls=none or product'), ['productpage-v1', 'none']);
  assert.deepEqual(found('ns=default !name~v1'), []);
  assert.deepEqual(parseFind('rps>many'), { ok: false, problem: '"rps>many": a number must follow >' });
  assert.equal(parseFind('colour=red').ok, false);
  assert.deepEqual(parseFind('  '), { ok: true, finder: undefined });
});

test('find answers any text without throwing', () => {
  fc.assert(fc.property(fc.string(), (text) => typeof parseFind(text).ok === 'boolean'));
});

test('a diff applied gives the other text', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd: 1')).map((all) => all.join('\n'));
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const diff = diffLines(before, after);
      const side = (dropped: string): string =>
        diff
          .filter((one) => one.kind !== dropped)
          .map((one) => one.text)
          .join('\n');
      assert.deepEqual([side('added'), side('removed')], [before.replace(/\n$/, ''), after.replace(/\n$/, '')]);
    }),
  );
});

test('weights always add up to 100, and the moved one is where it was put', () => {
  const weights = fc
    .array(fc.nat(100), { minLength: 2, maxLength: 5 })
    .map((all) => new Map(all.map((one, i) => [`v${i}`, one])));
  fc.assert(
    fc.property(weights, fc.nat(100), (before, to) => {
      const after = balanceWeights(before, 'v0', to);
      assert.equal(
        [...after.values()].reduce((sum, one) => sum + one, 0),
        100,
      );
      assert.equal(after.get('v0'), to);
    }),
  );
});

test('written YAML reads back as what was written', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(
      '5s',
      '1.10',
      'yes',
      '0x1f',
      'null',
      '2020-01-01',
      '- a',
      'a: b',
      '*',
      'v1',
      '=',
      '1_000',
      '.5',
      '/a',
    ),
  );
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
        tie('node'),
        { maxKeys: 3, noNullPrototype: true },
      ),
    ),
  })).node;
  fc.assert(
    fc.property(fc.record({ spec: value }, { noNullPrototype: true }), (object) =>
      assert.deepEqual(load(writeYaml(object)), object),
    ),
    { numRuns: 400 },
  );
});

const SCHEMAS: Schemas = {
  VirtualService: {
    properties: {
      apiVersion: { enum: ['networking.istio.io/v1'] },
      spec: {
        description: 'Routes requests.',
        properties: {
          hosts: { items: { type: 'string' } },
          http: {
            items: {
              properties: {
                timeout: { type: 'string' },
                route: { items: { properties: { weight: { type: 'integer' } } } },
                mode: { enum: ['A', 'B'] },
              },
            },
          },
        },
      },
    },
  },
};

test('completion knows the place by indentation, half written or not', () => {
  const text = [
    'apiVersion: networking.istio.io/v1',
    'kind: VirtualService',
    'spec:',
    '  hosts:',
    '  - reviews',
    '  http:',
    '  - timeout: 5s',
    '    ro',
    '    route:',
    '    - we',
  ];
  const labels = (row: number, column = text[row]?.length ?? 0): readonly string[] =>
    suggestionsAt(SCHEMAS, yamlPlace(text, row, column)).map((one) => one.label);
  assert.deepEqual(yamlPlace(text, 7, 6).path, ['spec', 'http', '[]']);
  assert.deepEqual(labels(7), ['timeout', 'route', 'mode']);
  assert.deepEqual(yamlPlace(text, 9, 8).path, ['spec', 'http', '[]', 'route', '[]']);
  assert.deepEqual(labels(9), ['weight']);
  assert.deepEqual(
    suggestionsAt(SCHEMAS, yamlPlace([...text.slice(0, 6), '  - mode: '], 6, 10)).map((one) => one.label),
    ['A', 'B'],
  );
  assert.deepEqual(
    suggestionsAt(SCHEMAS, yamlPlace(['kind: '], 0, 6)).map((one) => one.label),
    ['VirtualService'],
  );
});

test('completion answers any text without throwing', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), fc.nat(), fc.nat(), (lines, row, column) => {
      suggestionsAt(SCHEMAS, yamlPlace(lines, row % lines.length, column));
    }),
  );
});

test('cluster names read as services', () => {
  assert.deepEqual(
    [
      'outbound|9080|v1|reviews.default.svc.cluster.local',
      'inbound|9080||',
      'outbound|443||api.example.com',
      'BlackHoleCluster',
    ].map(clusterWords),
    ['reviews.default subset v1 :9080', 'this workload, port 9080', 'api.example.com :443', 'BlackHoleCluster'],
  );
});
