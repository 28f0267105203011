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

const ROUTES = `static_resources:
  listeners:
  - name: web
    address: { socket_address: { address: 127.0.0.1, port_value: 80 } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters:
          - { name: router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: /a }
                route: { cluster: app }
              - match: { prefix: / }
                route:
                  TARGET
  clusters:
  - { name: app, type: STATIC, connect_timeout: 1s }
`;
const SECOND =
  'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[1]';

for (const [target, field] of [
  ['cluster: apps', 'cluster'],
  [
    'weightedClusters: { clusters: [{ name: app, weight: 1 }, { name: apps, weight: 1 }] }',
    'weighted_clusters.clusters[1].name',
  ],
  ['{ cluster: app, request_mirror_policies: [{ cluster: apps }] }', 'request_mirror_policies[0].cluster'],
] as const)
  test(`a route's unknown ${field} is named at its own line`, async () => {
    const texts = [{ name: 'b.yaml', text: ROUTES.replace('TARGET', target) }];
    const error = await readBootstrap(texts[0]?.text ?? '').then(
      () => assert.fail('it was read'),
      (problem: Error) => problem,
    );
    assert.equal(
      placed(error.message, texts),
      `b.yaml:22: ${SECOND}.route.${field}: a route leads to the unknown cluster "apps": did you mean "app"?`,
    );
  });

test('what the proxy itself says of a listener is named at the line within it', () => {
  const texts = [{ name: 'b.yaml', text: ROUTES.replace('TARGET', 'cluster: app') }];
  const listener = 'static_resources.listeners[0]';
  assert.equal(
    placed(`${listener}: web: virtual_hosts["all"].routes[1].match.prefix: no good`, texts),
    `b.yaml:20: ${SECOND}.match.prefix: no good`,
  );
  assert.equal(
    placed(`${listener}: web: listener "web".filter_chains[0].filters[0] "http".http_filters: no last one`, texts),
    `b.yaml:11: ${listener}.filter_chains[0].filters[0].typed_config.http_filters: no last one`,
  );
  // Of what the text does not have, as much as it has.
  assert.equal(
    placed(`${listener}: web: virtual_hosts["all"].routes[1].match.safe_regex: no good`, texts),
    `b.yaml:20: ${SECOND}.match: virtual_hosts["all"].routes[1].match.safe_regex: no good`,
  );
  for (const words of ['nothing of the kind', 'no_such[3].field: no good'])
    assert.equal(placed(`${listener}: web: ${words}`, texts), `b.yaml:3: ${listener}: web: ${words}`);
});

test('of two of one name or address the second is named', async () => {
  const cluster = '  - name: app\n';
  assert.match(
    await said([`  clusters:\n`, `  clusters:\n${cluster}    connect_timeout: 1s\n`]),
    /^b\.yaml:16: static_resources\.clusters\[1\]\.name: two have the name "app": give one another$/,
  );
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
