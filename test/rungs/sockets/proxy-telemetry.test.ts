// A request through a real proxy is counted: Envoy's statistics, Istio's metrics, the summary, the access log.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '#base';
import { FileSecrets } from '#identity';
import { SystemClock, SystemFs, SystemNet, SystemRandom } from '#io';
import { EdgeAggregator, IstioMetrics, renderPrometheus, StatStore, StreamReporter, UNKNOWN_PEER } from '#telemetry';
import { type ProxyHandle, startProxy } from '../../../src/main/proxy.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';

const CLUSTER = 'outbound|9080||reviews.default.svc.cluster.local';
const stats = new StatStore();
const metrics = new IstioMetrics({ istioVersion: '1.31.0' });
const aggregator = new EdgeAggregator();
const reporter = new StreamReporter({
  local: { ...UNKNOWN_PEER, workload: 'productpage-v1', namespace: 'default' },
  metrics,
  aggregator,
});
let folder = '';
let backend: Server;
let handle: ProxyHandle;

function bootstrap(port: number): string {
  const prefix = 'type.googleapis.com/envoy.extensions';
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          name: 'out',
          traffic_direction: 'OUTBOUND',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'h',
                  typed_config: {
                    '@type': `${prefix}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
                    stat_prefix: 'out',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'v',
                          domains: ['*'],
                          routes: [{ match: { prefix: '/' }, route: { cluster: CLUSTER } }],
                        },
                      ],
                    },
                    access_log: [
                      {
                        name: 'envoy.access_loggers.file',
                        typed_config: {
                          '@type': `${prefix}.access_loggers.file.v3.FileAccessLog`,
                          path: join(folder, 'access.log'),
                        },
                      },
                    ],
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': `${prefix}.filters.http.router.v3.Router` },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: CLUSTER,
          type: 'STATIC',
          load_assignment: {
            cluster_name: CLUSTER,
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
                    metadata: { filter_metadata: { istio: { workload: 'reviews-v1;default;reviews;v1;Kubernetes' } } },
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  });
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'topsail-telemetry-'));
  backend = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const fs = new SystemFs();
  handle = await startProxy({
    bootstrap: await readBootstrap(bootstrap((backend.address() as AddressInfo).port)),
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets: new FileSecrets({ fs, log: silentLogger }),
    stats,
    reporter,
  });
});

after(async () => {
  handle.close();
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true, force: true });
});

test('three requests are counted everywhere, with who asked whom', async () => {
  const port = handle.addresses().get('out')?.[0]?.port;
  for (let i = 0; i < 3; i++) assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`)).text(), 'hello');
  const envoy = [...renderPrometheus(stats)].join('');
  assert.match(
    envoy,
    /envoy_http_downstream_rq_xx\{envoy_response_code_class="2",envoy_http_conn_manager_prefix="out"\} 3/,
  );
  const istio = [...metrics.renderPrometheus()].join('');
  assert.match(
    istio,
    /istio_requests_total\{reporter="source",source_workload="productpage-v1",.*destination_workload="reviews-v1",.*destination_service="reviews\.default\.svc\.cluster\.local",.*response_code="200".*\} 3\n/,
  );
  const [edge] =
    aggregator.flush(0, { cpuSeconds: 0, rssBytes: 0, activeConnections: 0, activeRequests: 0 }).edges ?? [];
  assert.deepEqual([edge?.requests, edge?.destination?.workload, edge?.codes], [3n, 'reviews-v1', { '200': 3n }]);
  await handle.flushLogs();
  assert.equal(readFileSync(join(folder, 'access.log'), 'utf8').trim().split('\n').length, 3);
});
