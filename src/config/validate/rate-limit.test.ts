// RateLimit: what is refused, where, and that all that the documents show is taken.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseText } from '../parse/parse-text.ts';

const ROOT = join(import.meta.dirname, '../../..');

function complaints(text: string): string[] {
  return parseText('f', text).flatMap((d) =>
    d.complaints.map((c) => `${c.code} ${c.path.replace(/^spec\.?/, '')}:${c.line}`),
  );
}

const manifest = (rules: string): string =>
  `apiVersion: topsail.io/v1alpha1\nkind: RateLimit\nmetadata: {name: a, namespace: b}\nspec:\n  rules: ${rules}\n`;
const LIMIT = 'limit: { requests: 3, per: HOUR }';
const ruled = (more: string): string => manifest(`[{ name: r, ${LIMIT}, ${more} }]`);

const limited = (limit: string): string => manifest(`[{ name: r, limit: { ${limit} } }]`);

const REFUSED: readonly (readonly [string, readonly string[]])[] = [
  [manifest('[]'), ['TS-CFG-0105 rules:5']],
  [manifest(`[{ ${LIMIT} }]`), ['TS-CFG-0103 rules[0].name:5']],
  [manifest('[{ name: r }]'), ['TS-CFG-0103 rules[0].limit:5']],
  [manifest(`[{ name: A.b, ${LIMIT} }]`), ['TS-CFG-0347 rules[0].name:5']],
  [manifest(`\n  - { name: r, ${LIMIT} }\n  - { name: r, ${LIMIT} }`), ['TS-CFG-0302 rules[1].name:7']],
  [manifest('[{ name: r, limit: { requests: 0, per: HOUR } }]'), ['TS-CFG-0105 rules[0].limit.requests:5']],
  [manifest('[{ name: r, limit: { requests: 1, per: WEEK } }]'), ['TS-CFG-0104 rules[0].limit.per:5']],
  [ruled('match: { paths: [api] }'), ['TS-CFG-0347 rules[0].match.paths[0]:5']],
  [ruled('match: { paths: ["/a?b=c"] }'), ['TS-CFG-0347 rules[0].match.paths[0]:5']],
  [ruled('match: { notPaths: ["/a*b"] }'), ['TS-CFG-0347 rules[0].match.notPaths[0]:5']],
  [ruled('match: { paths: ["/{**}/{*}"] }'), ['TS-CFG-0330 rules[0].match.paths[0]:5']],
  [ruled('match: { methods: [GET, purge, post] }'), ['TS-CFG-0412 rules[0].match.methods[2]:5']],
  [ruled('match: { methods: ["GET POST"] }'), ['TS-CFG-0347 rules[0].match.methods[0]:5']],
  [ruled('match: { hosts: ["a.*.b"] }'), ['TS-CFG-0347 rules[0].match.hosts[0]:5']],
  [ruled('match: { headers: { "x y": {} } }'), ['TS-CFG-0307 rules[0].match.headers["x y"]:5']],
  [ruled('by: [{}]'), ['TS-CFG-0109 rules[0].by[0]:5']],
  [ruled('by: [{ attribute: CLIENT, claim: sub }]'), ['TS-CFG-0108 rules[0].by[0].claim:5']],
  [ruled('by: [{ claim: "a..b" }]'), ['TS-CFG-0347 rules[0].by[0].claim:5']],
  [ruled('by: [{ claim: "[a]b" }]'), ['TS-CFG-0347 rules[0].by[0].claim:5']],
  [ruled('by: [{ header: ":path" }]'), ['TS-CFG-0307 rules[0].by[0].header:5']],
  [ruled('by: [{ header: "x)%" }]'), ['TS-CFG-0307 rules[0].by[0].header:5']],
  [ruled('by: [{ header: x-a }, { header: X-A }]'), ['TS-CFG-0347 rules[0].by[1]:5']],
  [limited('requests: 1, per: DAY, whenUnavailable: DENY'), ['TS-CFG-0411 rules[0].limit.whenUnavailable:5']],
  [
    limited('requests: 1, per: DAY, scope: PROXY, whenUnavailable: SHARE'),
    ['TS-CFG-0411 rules[0].limit.whenUnavailable:5'],
  ],
  [limited('requests: 1, per: DAY, scope: ALL_PROXIES, whenUnavailable: DENY'), []],
  [limited('requests: 1, per: DAY, scope: MESH'), ['TS-CFG-0104 rules[0].limit.scope:5']],
  [ruled('maxBuckets: 5'), ['TS-CFG-0411 rules[0].maxBuckets:5']],
  [ruled('by: [{ header: a }], maxBuckets: 70000'), ['TS-CFG-0105 rules[0].maxBuckets:5']],
  [ruled('answer: { status: 200 }'), ['TS-CFG-0105 rules[0].answer.status:5']],
  [
    ruled('answer: { headers: { x-topsail-rate-limit: a } }'),
    ['TS-CFG-0307 rules[0].answer.headers.x-topsail-rate-limit:5'],
  ],
  [ruled('answer: { headers: { Content-Length: "5" } }'), ['TS-CFG-0307 rules[0].answer.headers.Content-Length:5']],
  [ruled('answer: { status: 418 }'), ['TS-CFG-0347 rules[0].answer.status:5']],
  [ruled('answer: { status: 599 }'), ['TS-CFG-0347 rules[0].answer.status:5']],
  [ruled('answer: { headers: { Host: a } }'), ['TS-CFG-0307 rules[0].answer.headers.Host:5']],
  [ruled('answer: { headers: { ":status": "200" } }'), ['TS-CFG-0307 rules[0].answer.headers[":status"]:5']],
  [ruled(`answer: { headers: { a: "${'%'.repeat(8193)}" } }`), ['TS-CFG-0308 rules[0].answer.headers.a:5']],
  [ruled('by: [{ claim: "a\\nb" }]'), ['TS-CFG-0347 rules[0].by[0].claim:5']],
  [ruled('by: [{ claim: "[a\\0b]" }]'), ['TS-CFG-0347 rules[0].by[0].claim:5']],
  [ruled(`match: { paths: ["/${'a'.repeat(8192)}"] }`), ['TS-CFG-0347 rules[0].match.paths:5']],
  [ruled(`match: { hosts: ["${'a'.repeat(8000)}", "${'b'.repeat(192)}"] }`), ['TS-CFG-0347 rules[0].match.hosts:5']],
  [
    ruled('match: { headers: { x-a: { regex: "a{1000}a{1000}a{100}" } } }'),
    ['TS-CFG-0347 rules[0].match.headers.x-a.regex:5'],
  ],
  [manifest('[{ name: r, limit: { requests: 1, per: DAY, burst: 3651 } }]'), ['TS-CFG-0347 rules[0].limit.burst:5']],
  [manifest('[{ name: r, limit: { requests: 1, per: DAY, burst: 3650 } }]'), []],
  [ruled('mode: SHADOW, answer: { status: 503 }'), ['TS-CFG-0411 rules[0].answer:5']],
  [ruled('mode: OFF'), ['TS-CFG-0104 rules[0].mode:5']],
];

for (const [text, expected] of REFUSED)
  test(`${text.slice(text.indexOf('rules:')).trim()} is told as ${expected.join()}`, () =>
    assert.deepEqual(complaints(text), expected));

test('the documents and the example are taken without a word', () => {
  const doc = readFileSync(join(ROOT, 'docs/rate-limits.md'), 'utf8');
  const blocks = [...doc.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text as string);
  assert.ok(blocks.length >= 4);
  for (const text of [...blocks, readFileSync(join(ROOT, 'examples/limits/rate-limit.yaml'), 'utf8')]) {
    assert.deepEqual(complaints(text), [], text);
    assert.ok(parseText('f', text).every(({ object }) => object !== undefined));
  }
});

test('whatever stands in a rule is taken or complained about, never thrown', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('match', 'by', 'limit', 'answer', 'mode', 'maxBuckets', 'name'),
      (value, field) => {
        const rule = { name: 'r', limit: { requests: 1, per: 'HOUR' }, [field]: value };
        const spec = { rules: [rule] };
        parseText(
          'f',
          JSON.stringify({ apiVersion: 'topsail.io/v1alpha1', kind: 'RateLimit', metadata: { name: 'a' }, spec }),
        );
      },
    ),
  );
});
