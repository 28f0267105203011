// What is new waits for what it needs: a cluster for its endpoints, a listener for its secrets, a route table for its virtual hosts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary, type DescMessage, fromJson } from '@bufbuild/protobuf';
import { TYPE_URL } from '#base';
import type { SecretSource, SecretValue } from '#identity';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { address, fetchText, listener, managerFilter, runProxy, startApp, type RunningProxy } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const registry = await loadTypes();

function put(
  proxy: RunningProxy,
  schema: DescMessage,
  typeUrl: string,
  name: string,
  json: object,
  version = '1',
): void {
  const bytes = toBinary(
    schema,
    fromJson(schema, JSON.parse(JSON.stringify(json)) as never, { registry }) as ReturnType<typeof create>,
  );
  assert.deepEqual(proxy.handle.proxy.applyResources(typeUrl, [{ name, bytes, version }], []), []);
}

const EDS = { name: 'late', type: 'EDS', connect_timeout: '60s', eds_cluster_config: { eds_config: { ads: {} } } };
const endpoints = (port: number): object => ({
  cluster_name: 'late',
  endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
});

test('a request to a new cluster waits for its endpoints, body and all', async (t) => {
  const app = await startApp((request, response) => {
    let size = 0;
    request.on('data', (data: Buffer) => (size += data.length));
    request.on('end', () => response.end(String(size)));
  });
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'late' } }])] }])],
    [],
  );
  t.after(() => (proxy.close(), app.close()));
  put(proxy, ClusterSchema, TYPE_URL.cluster, 'late', EDS);
  const size = 300_000;
  const answer = fetchText(proxy.port('l'), '/', { method: 'POST', body: 'x'.repeat(size) });
  assert.equal(await Promise.race([answer.then(() => 'answered'), sleep(100, 'waits')]), 'waits');
  put(proxy, ClusterLoadAssignmentSchema, TYPE_URL.endpoint, 'late', endpoints(app.port));
  assert.deepEqual(await answer.then(({ status, body }) => [status, body]), [200, String(size)]);
});

test('a cluster that has no endpoints says so at once when the server says so', async (t) => {
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'late' } }])] }])],
    [],
  );
  t.after(() => proxy.close());
  put(proxy, ClusterSchema, TYPE_URL.cluster, 'late', EDS);
  const answer = fetchText(proxy.port('l'), '/');
  await sleep(30);
  proxy.handle.proxy.applyResources(TYPE_URL.endpoint, [], ['late']);
  assert.equal((await answer).status, 503);
});

test('a listener that needs a secret takes the place of the former one only when the secret came', async (t) => {
  const waiting: ((value: SecretValue) => void)[] = [];
  const secrets: SecretSource = { subscribe: (_, changed) => (waiting.push(changed), () => {}) };
  const direct = managerFilter([
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'former' } } },
  ]);
  const proxy = await runProxy([listener('l', [{ filters: [direct] }])], [], secrets);
  t.after(() => proxy.close());
  const tls = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: { ads: {} } }] },
    },
  };
  put(
    proxy,
    ListenerSchema,
    TYPE_URL.listener,
    'l',
    listener('l', [{ filters: [direct], transport_socket: tls }]),
    '2',
  );
  await proxy.handle.proxy.config.settled();
  assert.equal((await fetchText(proxy.port('l'), '/')).body, 'former');
  assert.deepEqual(proxy.handle.proxy.config.warmingListeners, ['l']);
  // An error settles it as well: there is nothing to wait for, and the chain refuses by itself.
  for (const changed of waiting) changed({ kind: 'error', code: 'x', message: 'there is no such secret' });
  await until('it takes its place', () => proxy.handle.proxy.config.warmingListeners.length === 0);
  await proxy.handle.proxy.config.settled();
  await assert.rejects(fetchText(proxy.port('l'), '/'));
});

test('a new version of a route table keeps the virtual hosts that came by themselves', async (t) => {
  const rds = { rds: { route_config_name: 'r', config_source: { ads: {} } } };
  const manager = managerFilter([], { route_config: undefined, ...rds });
  const proxy = await runProxy([], []);
  t.after(() => proxy.close());
  const table = (statPrefix: string): object => ({
    name: 'r',
    vhds: { config_source: { ads: {} } },
    request_headers_to_add: [{ header: { key: 'x-version', value: statPrefix } }],
  });
  put(proxy, ListenerSchema, TYPE_URL.listener, 'l', listener('l', [{ filters: [manager] }]));
  put(proxy, RouteConfigurationSchema, TYPE_URL.route, 'r', table('1'));
  put(proxy, VirtualHostSchema, TYPE_URL.virtualHost, 'r/any', {
    name: 'any',
    domains: ['*'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'here' } } }],
  });
  await proxy.handle.proxy.config.settled();
  assert.equal((await fetchText(proxy.port('l'), '/')).body, 'here');
  put(proxy, RouteConfigurationSchema, TYPE_URL.route, 'r', table('2'), '2');
  assert.equal((await fetchText(proxy.port('l'), '/')).body, 'here');
});
