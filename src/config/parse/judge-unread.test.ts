import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadAll } from 'js-yaml';
import { pathText } from '../problem.ts';
import { parseText } from './parse-text.ts';

const EXAMPLES = new URL('../../../examples/', import.meta.url).pathname;

const told = (kind: string, spec: string, group = 'networking.istio.io', name = 'a'): string[] =>
  parseText('a.yaml', `apiVersion: ${group}/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`).flatMap(
    ({ complaints }) => complaints.map(({ code, path }) => `${code} ${path}`),
  );
const ROUTES = 'route: [{ destination: { host: a }, weight: 60 }, { destination: { host: b }, weight: 60 }]';

describe('what is wrong with one object', () => {
  it('is told at once, of what cannot be read and of what is read and is not right', () => {
    const same = 'subsets: [{ name: s }, { name: s }]';
    const pool = 'connectionPool: { tcp: { maxConnections: many, connectTimeout: soon } }';
    assert.deepEqual(told('DestinationRule', `{ host: a, trafficPolicy: { ${pool} }, ${same} }`), [
      'TS-CFG-0102 spec.trafficPolicy.connectionPool.tcp.maxConnections',
      'TS-CFG-0106 spec.trafficPolicy.connectionPool.tcp.connectTimeout',
      ...told('DestinationRule', `{ host: a, ${same} }`),
    ]);
    assert.equal(told('DestinationRule', `{ host: a, ${same} }`).length, 1);
  });

  it('is told also beside an unknown field, and beside a name that is none', () => {
    const rule = '{ host: a, zzz: 1, subsets: [{ name: s }, { name: s }] }';
    assert.equal(told('DestinationRule', rule).length, 2);
    const named = told('VirtualService', `{ hosts: [a], http: [{ timeout: soon, ${ROUTES} }] }`, undefined, 'A_B');
    assert.ok(named.some((one) => one.includes('metadata.name')) && named.some((one) => one.includes('timeout')));
  });

  it('says nothing that may only follow: of sums, of what is missing, of fields whose meaning is open', () => {
    const sum =
      '{ hosts: [a], http: [{ route: [{ destination: { host: a }, weight: much }, { destination: { host: b }, weight: 60 }] }] }';
    assert.deepEqual(told('VirtualService', sum), ['TS-CFG-0102 spec.http[0].route[0].weight']);
    assert.deepEqual(told('VirtualService', `{ hots: [a], http: [{ ${ROUTES.replaceAll('60', '50')} }] }`).length, 1);
    assert.deepEqual(
      told('AuthorizationPolicy', '{ action: CUSTM, provider: { name: p }, rules: [{}] }', 'security.istio.io'),
      ['TS-CFG-0104 spec.action'],
    );
  });
});

/** Every place of a value that is neither a mapping nor a list. */
function* leaves(value: unknown, path: readonly (string | number)[] = []): Iterable<readonly (string | number)[]> {
  if (typeof value !== 'object' || value === null) yield path;
  else
    for (const [key, inner] of Object.entries(value))
      yield* leaves(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

function broken(value: unknown, path: readonly (string | number)[], bad: unknown): unknown {
  const copy = structuredClone(value);
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  at[path.at(-1) as string] = bad;
  return copy;
}

describe('one value that cannot be read', () => {
  it('brings no complaints about other fields of a good object', () => {
    let tried = 0;
    for (const file of globSync('{seed,bookshop,limits,opa,reference}/**/*.yaml', { cwd: EXAMPLES }))
      for (const document of loadAll(readFileSync(`${EXAMPLES}${file}`, 'utf8'))) {
        const errors = (value: unknown): readonly { readonly path: string }[] =>
          parseText('a.json', JSON.stringify(value)).flatMap(({ complaints }) =>
            complaints.filter(({ severity }) => severity === 'error'),
          );
        const body = (document as { readonly spec?: unknown } | null)?.spec;
        if (body === undefined || errors(document).length > 0) continue;
        for (const path of leaves(body))
          for (const bad of [{ no: { such: [1] } }, [[1]]]) {
            const found = errors(broken(document, ['spec', ...path], bad)).map(({ path: at }) => at);
            const at = pathText(['spec', ...path]);
            tried++;
            assert.ok(
              found.every((one) => one.startsWith(at) || at.startsWith(one)),
              `${file} ${at}: ${found.join('; ')}`,
            );
          }
      }
    assert.ok(tried > 200, String(tried));
  });
});
