import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { TYPE_URL } from '../../../src/base/index.ts';
import { loadTypes } from '../../../src/proto/index.ts';
import { ClusterSchema } from '../../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../../src/proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { CLUSTER } from '../../../src/telemetry/index.ts';
import { until } from '../../mesh/until.ts';
import { cluster, listener, managerFilter, type RunningProxy, runProxy, startApp } from './proxy-fixture.ts';

const registry = await loadTypes();
let version = 0;

function apply(
  proxy: RunningProxy,
  kind: 'listener' | 'cluster' | 'route',
  json: object,
): readonly { name: string; detail: string }[] {
  const schema = { listener: ListenerSchema, cluster: ClusterSchema, route: RouteConfigurationSchema }[kind];
  const bytes = toBinary(
    schema as typeof ListenerSchema,
    fromJson(schema as typeof ListenerSchema, JSON.parse(JSON.stringify(json)), { registry }),
  );
  return proxy.handle.proxy.applyResources(
    TYPE_URL[kind],
    [{ name: (json as { name: string }).name, bytes, version: String(++version) }],
    [],
  );
}

function get(port: number, agent: Agent): Promise<{ body: string; localPort: number }> {
  return new Promise((resolve, reject) => {
    const r = request({ host: '127.0.0.1', port, agent }, (response) => {
      const localPort = response.socket.localPort ?? 0;
      let body = '';
      response.on('data', (piece) => (body += piece));
      response.on('end', () => resolve({ body, localPort }));
    });
    r.on('error', reject);
    r.end();
  });
}

const to = (name: string): object => managerFilter([{ match: { prefix: '/' }, route: { cluster: name } }]);

test('a new listener version serves the next request of a connection that was open before', async (t) => {
  const [a, b] = [
    await startApp((_, response) => response.end('a')),
    await startApp((_, response) => response.end('b')),
  ];
  const proxy = await runProxy(
    [listener('l', [{ filters: [to('a')] }])],
    [cluster('a', [a.port]), cluster('b', [b.port])],
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => (agent.destroy(), proxy.close(), a.close(), b.close()));
  const port = proxy.port('l');
  const before = await get(port, agent);
  assert.deepEqual(apply(proxy, 'listener', listener('l', [{ filters: [to('b')] }])), []);
  await proxy.handle.proxy.config.settled();
  const after = await get(port, agent);
  assert.deepEqual([before.body, after.body], ['a', 'b']);
  assert.equal(after.localPort, before.localPort);
  assert.equal(proxy.port('l'), port);
});

test('a request in progress keeps its route while the configuration changes', async (t) => {
  let release = (): void => {};
  const a = await startApp((_, response) => void (release = () => response.end('a')));
  const proxy = await runProxy([listener('l', [{ filters: [to('a')] }])], [cluster('a', [a.port])]);
  const agent = new Agent({ keepAlive: true });
  t.after(() => (agent.destroy(), proxy.close(), a.close()));
  const answer = get(proxy.port('l'), agent);
  await new Promise((resolve) => a.server.once('request', resolve));
  apply(proxy, 'listener', listener('l', [{ filters: [to('nowhere')] }]));
  await proxy.handle.proxy.config.settled();
  release();
  assert.equal((await answer).body, 'a');
});

test('a refused version changes nothing and says why', async (t) => {
  const a = await startApp((_, response) => response.end('a'));
  const proxy = await runProxy([listener('l', [{ filters: [to('a')] }])], [cluster('a', [a.port])]);
  const agent = new Agent();
  t.after(() => (proxy.close(), a.close()));
  const unknown = {
    name: 'nobody',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
  };
  const [reject] = apply(proxy, 'listener', listener('l', [{ filters: [unknown] }]));
  assert.equal(reject?.name, 'l');
  assert.match(reject?.detail ?? '', /filter_chains\[0\]\.filters/);
  assert.equal((await get(proxy.port('l'), agent)).body, 'a');
});

test('a listener waits for its routes, and follows them', async (t) => {
  const a = await startApp((_, response) => response.end('a'));
  const proxy = await runProxy([], [cluster('a', [a.port])]);
  const agent = new Agent();
  t.after(() => (proxy.close(), a.close()));
  const { config } = proxy.handle.proxy;
  apply(
    proxy,
    'listener',
    listener('l', [
      {
        filters: [
          managerFilter([], {
            route_config: undefined,
            rds: { route_config_name: 'named', config_source: { ads: {} } },
          }),
        ],
      },
    ]),
  );
  await config.settled();
  assert.deepEqual([config.warmingListeners, [...config.wants().routes]], [['l'], ['named']]);
  apply(proxy, 'route', {
    name: 'named',
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'a' } }] }],
  });
  await config.settled();
  assert.equal((await get(proxy.port('l'), agent)).body, 'a');
  apply(proxy, 'route', {
    name: 'named',
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'said' } } }],
      },
    ],
  });
  assert.equal((await get(proxy.port('l'), agent)).body, 'said');
});

for (const [what, options, counter] of [
  ['idle_timeout', { idle_timeout: '0.1s' }, 'upstream_cx_idle_timeout'],
  ['max_connection_duration', { max_connection_duration: '0.1s' }, 'upstream_cx_max_duration_reached'],
] as const)
  test(`another ${what} of an endpoint's connections counts at once, not when what rests has ended by the former one`, async (t) => {
    const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
    const a = await startApp((_, response) => response.end('a'));
    const proxy = await runProxy([listener('l', [{ filters: [to('late')] }])], []);
    const agent = new Agent();
    t.after(() => (proxy.close(), a.close()));
    const configure = (common: object): void => {
      const protocol = {
        '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
        common_http_protocol_options: common,
        explicit_http_config: { http_protocol_options: {} },
      };
      const json = cluster('late', [a.port], { typed_extension_protocol_options: { [HTTP_OPTIONS]: protocol } });
      assert.deepEqual(apply(proxy, 'cluster', json), []);
    };
    configure({});
    await proxy.handle.proxy.config.settled();
    assert.equal((await get(proxy.port('l'), agent)).body, 'a');
    configure(options);
    await proxy.handle.proxy.config.settled();
    assert.equal((await get(proxy.port('l'), agent)).body, 'a');
    const counted = (): number | undefined =>
      proxy.handle.proxy.services.clusters.get('late')?.stats.get(CLUSTER[counter]);
    await until(counter, () => counted() === 1);
  });
