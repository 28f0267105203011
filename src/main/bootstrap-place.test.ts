import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placed } from './bootstrap-place.ts';
import { readBootstrap } from './read-bootstrap.ts';

const GOOD = `node: { id: a, cluster: a }
static_resources:
  listeners:
  - name: web
    address: { socket_address: { address: 127.0.0.1, port_value: 80 } }
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: web
          cluster: app
  clusters:
  - name: app
    type: STATIC
    connectTimeout: 1s
`;

async function said(change: readonly [string, string], more = ''): Promise<string> {
  const text = GOOD.replace(...change);
  assert.notEqual(text, GOOD);
  const texts = [{ name: 'b.yaml', text }, ...(more === '' ? [] : [{ name: '--config-yaml', text: more }])];
  const read = readBootstrap(...texts.map((one) => one.text));
  const error = await read.then(
    () => assert.fail('it was read'),
    (problem: Error) => problem,
  );
  return placed(error.message, texts);
}

const CASES: readonly (readonly [what: string, change: readonly [string, string], said: RegExp])[] = [
  [
    'an unknown field',
    ['type: STATIC', 'typ: STATIC'],
    /^b\.yaml:15: static_resources\.clusters\[0\]\.typ: Cluster has no such field: did you mean `type`\?$/,
  ],
  [
    'a value that no enum has',
    ['STATIC', 'STATIK'],
    /^b\.yaml:15: static_resources\.clusters\[0\]\.type: "STATIK" is none of STATIC, .*: did you mean STATIC\?$/,
  ],
  [
    'no duration, in camel case',
    ['1s', 'soon'],
    /^b\.yaml:16: static_resources\.clusters\[0\]\.connect_?[tT]imeout: "soon" is no duration: write seconds, for example 1\.5s$/,
  ],
  [
    'a number where text belongs',
    ['cluster: app', 'cluster: [1]'],
    /^b\.yaml:12: static_resources\.listeners\[0\]\.filter_chains\[0\]\.filters\[0\]\.typed_config\.cluster: \[1\] does not fit the field: write a text$/,
  ],
  [
    'a type that nobody has',
    ['TcpProxy', 'TcpProxi'],
    /^b\.yaml:9: static_resources\.listeners\[0\].*\.typed_config: nothing here has the type ".*TcpProxi": correct @type/,
  ],
  [
    'a rule of a field',
    ['port_value: 80', 'port_value: 80000'],
    /^b\.yaml:5: static_resources\.listeners\[0\]\.address\.socket_address\.port_value: must be at most 65535$/,
  ],
  ['what is no YAML', ['node: {', 'node: ['], /^b\.yaml:\d+: .*: correct the YAML$/],
];

for (const [what, change, expected] of CASES)
  test(`${what} is named with file, line, path and remedy`, async () => {
    assert.match(await said(change), expected);
  });

test('of two texts it is the one that has the field', async () => {
  const words = await said(
    ['id: a', 'id: b'],
    'admin: { address: { socket_address: { address: a, port_value: 70000 } } }',
  );
  assert.match(words, /^--config-yaml:1: admin\.address\.socket_address\.port_value: must be at most 65535$/);
});

test('an object of a mesh is told as such', async () => {
  const [text] = ['apiVersion: v1\nkind: Service\n'];
  const error = await readBootstrap(text).catch((problem: Error) => problem);
  assert.match(
    placed((error as Error).message, [{ name: 'b.yaml', text }]),
    /^b\.yaml: this is no Envoy bootstrap but a Service/,
  );
});
