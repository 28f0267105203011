import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER, type StatStore } from '#telemetry';
import { createAdminHandler, PROMETHEUS_PATHS } from './admin-routes.ts';
import { fakeAdminView } from './fake-admin-view.ts';

async function ask(
  target: string,
  options: { method?: string; view?: ReturnType<typeof fakeAdminView> } = {},
): Promise<{ status: number; body: string; contentType: string }> {
  const url = new URL(target, 'http://a');
  const answer = await createAdminHandler(options.view ?? fakeAdminView())(
    options.method ?? 'GET',
    url.pathname,
    url.searchParams,
    new AbortController().signal,
  );
  const { body } = answer;
  let whole = '';
  for await (const piece of typeof body === 'string' ? [body] : body) whole += String(piece);
  return { ...answer, body: whole };
}

interface Dump {
  configs: (Record<string, unknown> & { '@type': string })[];
}

test("config_dump has Envoy's parts in Envoy's order, in snake case, with Any spelled out", async () => {
  const dump = JSON.parse((await ask('/config_dump')).body) as Dump;
  assert.deepEqual(
    dump.configs.map((c) => c['@type'].split('.').at(-1)),
    ['BootstrapConfigDump', 'ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump', 'SecretsConfigDump'],
  );
  const clusters = dump.configs[1] as unknown as {
    dynamic_active_clusters: { version_info: string; cluster: Record<string, unknown> }[];
  };
  assert.deepEqual(clusters.dynamic_active_clusters[0]?.cluster, {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name: 'c1',
    alt_stat_name: 'x',
  });
  const text = JSON.stringify(dump);
  assert.match(text, /"suppress_envoy_headers":true/);
  assert.match(text, /"active_state":\{"version_info":"7"/);
});

test('include_eds adds the endpoints', async () => {
  assert.match((await ask('/config_dump?include_eds')).body, /EndpointsConfigDump/);
});

test('one kind of resource can be asked for, and one name', async () => {
  const dump = JSON.parse((await ask('/config_dump?resource=dynamic_active_clusters&name_regex=^c1$')).body) as Dump;
  assert.equal(dump.configs.length, 1);
  assert.equal(dump.configs[0]?.['@type'], 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster');
  assert.equal((await ask('/config_dump?resource=nonsense')).status, 404);
  assert.equal((await ask('/config_dump?mask=x')).status, 400);
});

test('private keys never leave; certificates do', async () => {
  const { body } = await ask('/config_dump');
  assert.doesNotMatch(body, new RegExp(Buffer.from('TOPSECRET').toString('base64')));
  assert.match(body, new RegExp(Buffer.from('[redacted]').toString('base64')));
  assert.match(body, /PUBLIC/);
});

test('an extension that is not known hides itself only; a refused version is shown', async () => {
  const { body } = await ask('/config_dump');
  assert.match(body, /not shown: /);
  assert.match(body, /"details": "port taken"/);
  assert.match(body, /"name": "l1"/);
});

test('clusters as text, line by line as Envoy has them', async () => {
  const { body } = await ask('/clusters');
  assert.match(body, /^c1::default_priority::max_connections::1024$/m);
  assert.match(body, /^c1::127\.0\.0\.1:9080::rq_total::7$/m);
  assert.match(body, /^c1::127\.0\.0\.1:9080::health_flags::\/failed_outlier_check$/m);
  assert.equal((await ask('/clusters?filter=^other')).body, '');
});

test('clusters as JSON', async () => {
  const status = JSON.parse((await ask('/clusters?format=json')).body) as {
    cluster_statuses: { host_statuses: { health_status: object; stats: object[] }[] }[];
  };
  const [host] = status.cluster_statuses[0]?.host_statuses ?? [];
  assert.deepEqual(host?.health_status, { failed_outlier_check: true, eds_health_status: 'HEALTHY' });
  assert.deepEqual(host?.stats[1], { value: '2', name: 'cx_total' });
});

test('listeners as text and JSON', async () => {
  assert.equal((await ask('/listeners')).body, 'l1::127.0.0.1:8080\nl1::[::1]:8080\n');
  assert.match((await ask('/listeners?format=json')).body, /"port_value": 8080/);
});

test('ready follows the state', async () => {
  const view = fakeAdminView();
  assert.deepEqual((await ask('/ready', { view })).status, 200);
  view.live = false;
  const answer = await ask('/ready', { view });
  assert.deepEqual([answer.status, answer.body], [503, 'INITIALIZING\n']);
  assert.match((await ask('/init_dump', { view })).body, /LDS/);
});

test('stats can be filtered with RE2 and inverted; a bad expression is an answer, not a crash', async () => {
  const view = fakeAdminView();
  (view.stats as StatStore).cluster('c1').inc(CLUSTER.upstream_rq_total);
  assert.equal(
    (await ask('/stats?usedonly&filter=upstream_rq_t.tal$', { view })).body,
    'cluster.c1.upstream_rq_total: 1\n',
  );
  assert.equal((await ask('/stats?usedonly&invert_filter&filter=upstream_rq_total', { view })).body, '');
  assert.equal((await ask('/stats?filter=(', { view })).status, 400);
  assert.match(
    (await ask('/stats/prometheus', { view })).body,
    /envoy_cluster_upstream_rq_total\{envoy_cluster_name="c1"\} 1/,
  );
  assert.equal((await ask('/stats?format=yaml', { view })).status, 400);
});

test('what changes something needs POST', async () => {
  for (const path of ['/quitquitquit', '/drain_listeners', '/logging', '/reset_counters', '/reopen_logs']) {
    const view = fakeAdminView();
    assert.equal((await ask(path, { view })).status, 405, path);
    assert.deepEqual(view.done, []);
    assert.equal((await ask(path, { view, method: 'POST' })).status, 200, path);
  }
});

test('draining carries its options', async () => {
  const view = fakeAdminView();
  await ask('/drain_listeners?graceful&inboundonly', { view, method: 'POST' });
  assert.deepEqual(view.done, ['drain {"graceful":true,"skipExit":false,"inboundOnly":true}']);
});

test('log levels: all, one, several; a mistake changes nothing', async () => {
  const view = fakeAdminView();
  assert.match(
    (await ask('/logging?http=debug', { view, method: 'POST' })).body,
    / {2}http: debug\n {2}router: warning\n/,
  );
  assert.equal((await ask('/logging?paths=http:info,nosuch:info', { view, method: 'POST' })).status, 404);
  assert.equal(view.logLevels().get('http'), 'debug');
  await ask('/logging?level=error', { view, method: 'POST' });
  assert.deepEqual([...view.logLevels().values()], ['error', 'error']);
  assert.equal((await ask('/logging?level=loud', { view, method: 'POST' })).status, 400);
});

test('an unknown path lists what there is', async () => {
  const answer = await ask('/nope');
  assert.equal(answer.status, 404);
  assert.match(answer.body, /\/quitquitquit \(POST\): exit the server/);
});

test('the metrics port has the metrics and nothing else', async () => {
  const handler = createAdminHandler(fakeAdminView(), PROMETHEUS_PATHS);
  const { signal } = new AbortController();
  assert.equal((await handler('GET', '/stats/prometheus', new URLSearchParams(), signal)).status, 200);
  assert.equal((await handler('POST', '/quitquitquit', new URLSearchParams(), signal)).status, 404);
});

test("certs, memory and server_info are Envoy's shapes", async () => {
  assert.match((await ask('/certs')).body, /"uri": "spiffe:\/\/cluster.local\/ns\/a\/sa\/b"/);
  assert.equal((JSON.parse((await ask('/memory')).body) as Record<string, string>)['total_physical_bytes'], '99');
  assert.equal((JSON.parse((await ask('/server_info')).body) as Record<string, string>)['uptime_current_epoch'], '2s');
});
