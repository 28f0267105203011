import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnv, serviceOfCluster } from './child-env.ts';
import { loopbackBlock, nodeMetadata } from './node-metadata.ts';
import { readWorkloadSpec, type WorkloadSpec } from './workload-spec.ts';

const flags = {
  name: 'reviews-v1',
  namespace: 'default',
  serviceAccount: 'reviews',
  labels: 'app=reviews,version=v1',
  ports: ['http:9080', '9090'],
};
const spec = readWorkloadSpec(flags) as WorkloadSpec;

test('flags become a workload', () => {
  assert.deepEqual(spec.labels, { app: 'reviews', version: 'v1' });
  assert.deepEqual(spec.ports, [
    { name: 'http', port: 9080 },
    { name: '', port: 9090 },
  ]);
});

test('a wrong flag is named, with what to write instead', () => {
  assert.match(readWorkloadSpec({ ...flags, ports: ['http'] }) as string, /--port "http" is no port/);
  assert.match(readWorkloadSpec({ ...flags, labels: 'app' }) as string, /--labels "app"/);
  assert.match(readWorkloadSpec({ ...flags, name: '../x' }) as string, /--name "..\/x"/);
});

test('a port whose name misses a protocol by a letter is refused, one of another name is not', () => {
  const told = readWorkloadSpec({ ...flags, ports: ['htp:8001'] });
  assert.match(
    told as string,
    /^--port "htp:8001": "htp" is no protocol\. Did you mean http\? Protocols are http, http2, grpc,/,
  );
  assert.match(readWorkloadSpec({ ...flags, ports: ['grcp-api:8001'] }) as string, /Did you mean grpc\?/);
  for (const name of ['http', 'http-web', 'grpc-web', 'GRPC', 'udp', 'web', 'metrics', 'admin'])
    assert.equal(typeof readWorkloadSpec({ ...flags, ports: [`${name}:8001`] }), 'object', name);
});

test('the child learns its port, its proxy and the services of its namespace', () => {
  const services = [
    'outbound|9080||ratings.default.svc.cluster.local',
    'outbound|9080|v1|ratings.default.svc.cluster.local',
    'outbound|80||x.other.svc.cluster.local',
    'BlackHoleCluster',
  ]
    .map(serviceOfCluster)
    .filter((one) => one !== undefined);
  const env = childEnv(spec, {
    appPorts: new Map([[9080, 40001]]),
    httpProxyPort: 40002,
    loopbackBlock: '127.66',
    services,
    domain: 'cluster.local',
  });
  assert.equal(env['PORT'], '40001');
  assert.equal(env['http_proxy'], 'http://127.0.0.1:40002');
  assert.equal(env['no_proxy'], '');
  assert.match(env['RATINGS_SERVICE_HOST'] ?? '', /^127\.66\./);
  assert.equal(env['RATINGS_SERVICE_PORT'], '9080');
  assert.equal('X_SERVICE_HOST' in env, false);
});

test('the node says who it is, with canonical names', () => {
  const metadata = nodeMetadata(spec, {
    ip: '127.0.0.1',
    capture: 'none',
    boundPorts: [{ port: 9080, appPort: 1, boundPort: 2 }],
    httpProxyPort: 3,
    loopbackBlock: '127.70',
    gatewayPorts: {},
  });
  assert.equal(metadata.LABELS['service.istio.io/canonical-name'], 'reviews');
  assert.equal(metadata.LABELS['service.istio.io/canonical-revision'], 'v1');
  assert.equal(metadata.INTERCEPTION_MODE, 'NONE');
  assert.equal('TOPSAIL_GATEWAY_PORTS' in metadata, false);
});

test('two workloads get two loopback blocks', () => {
  const first = loopbackBlock(spec, new Set());
  assert.notEqual(loopbackBlock(spec, new Set([first])), first);
});
