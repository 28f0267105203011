// Services of both families between pods of both: IPv4 and IPv6 are captured, routed and mutually authenticated alike.
import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import type { Cluster } from './cluster.ts';
import { app, applyAll, strict, teapot } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const CALLER = 'URI=spiffe://cluster.local/ns/dual/sa/caller';
/** It says who called, as its proxy has verified it. */
const SERVER =
  "require('node:http').createServer((q, r) => r.end(String(q.headers['x-forwarded-client-cert']))).listen(8080, '::')";

/** Name -> families that its Service has, the first of them decides about `clusterIP`. */
const SERVICES: Readonly<Record<string, { readonly policy: string; readonly families: readonly string[] }>> = {
  required: { policy: 'RequireDualStack', families: ['IPv6', 'IPv4'] },
  preferred: { policy: 'PreferDualStack', families: ['IPv4', 'IPv6'] },
  six: { policy: 'SingleStack', families: ['IPv6'] },
};

const test: KubeTest = {
  title: 'IPv4 and IPv6 at once',
  dualStack: true,
  seconds: 40,
  run: async (cluster, step) => {
    await step('images, minimal profile, pods and Services of both families, STRICT', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      mustTopsail(cluster, ['install', '--set', 'profile=minimal', '-y', '--readiness-timeout', '600s']);
      for (const name of ['dual', 'outside']) cluster.kubectl(['create', 'namespace', name]);
      cluster.kubectl(['label', 'namespace', 'dual', 'istio-injection=enabled']);
      applyAll(cluster, 'dual', [
        ...app({ name: 'server', image: IMAGE, script: SERVER }),
        ...app({ name: 'caller', image: IMAGE, script: IDLE }),
        ...Object.keys(SERVICES).map((name) => service(name, 'server')),
        strict(),
        ...Object.keys(SERVICES).map(teapot),
      ]);
      applyAll(cluster, 'outside', [
        ...app({ name: 'caller', image: IMAGE, script: SERVER }),
        service('required', 'caller'),
      ]);
      for (const namespace of ['dual', 'outside'])
        cluster.kubectl(['-n', namespace, 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    });
    await step('outside of the mesh both families reach a pod', async () => {
      for (const ip of clusterIps(cluster, 'required', 'outside'))
        await until(
          `an answer by ${ip}`,
          30,
          () => ask(cluster, 'outside', { ip, host: 'required' }) === '200 undefined',
        );
    });
    const addresses = await step('pods, Services and EndpointSlices have the families that they ask for', async () => {
      assert.deepEqual(familiesOf(podIps(cluster)), ['IPv4', 'IPv6']);
      const found = new Map(Object.keys(SERVICES).map((name) => [name, clusterIps(cluster, name)]));
      for (const [name, { families }] of Object.entries(SERVICES)) {
        assert.deepEqual(familiesOf(found.get(name) ?? []), families);
        await until(`slices of ${name}`, 20, () => sliceFamilies(cluster, name).join() === [...families].sort().join());
      }
      return found;
    });
    for (const [name, ips] of addresses)
      for (const ip of ips)
        await step(`${name} by ${ip}: mTLS, and its route`, async () => {
          const host = `${name}:8080`;
          await until('an answer with the verified caller', 45, () => {
            const answer = ask(cluster, 'dual', { ip, host });
            return answer.startsWith('200') && answer.includes(CALLER);
          });
          await until('the route', 30, () => ask(cluster, 'dual', { ip, host, path: '/teapot' }).startsWith('418'));
          await until('no plaintext', 30, () => !/^\d/.test(ask(cluster, 'outside', { ip, host })));
        });
    await step('no plaintext past the Services, to the pod itself', async () => {
      for (const ip of podIps(cluster))
        await until(`none by ${ip}`, 20, () => !/^\d/.test(ask(cluster, 'outside', { ip, host: 'server' })));
    });
    await step('names are found in both families, and each is served', () => {
      const found = clusterIps(cluster, 'required');
      for (const family of [4, 6]) {
        const script = `require('node:dns').lookup('required.dual', { family: ${family} }, (e, a) => console.log(e?.code ?? a))`;
        assert.ok(found.includes(execNode(cluster, 'dual', script)), `IPv${family}`);
        const answer = ask(cluster, 'dual', { ip: 'required.dual', family, host: 'required.dual:8080' });
        assert.ok(answer.startsWith('200') && answer.includes(CALLER), answer);
      }
    });
    await step('the proxy knows Services and pods by all of their addresses', () => {
      const pod = cluster.kubectl([
        '-n',
        'dual',
        'get',
        'pod',
        '-l',
        'app=caller',
        '-o',
        'jsonpath={.items[0].metadata.name}',
      ]);
      const config = (part: string): string =>
        mustTopsail(cluster, ['proxy-config', part, pod, '-n', 'dual', '-o', 'json']).out;
      const routes = config('routes');
      for (const ip of addresses.get('required') ?? []) assert.ok(routes.includes(ip), `a route for ${ip}`);
      const endpoints = config('endpoints');
      for (const ip of podIps(cluster)) assert.ok(endpoints.includes(ip), `an endpoint ${ip}`);
    });
  },
};

export default test;

function service(name: string, app: string): object {
  const { policy, families } = SERVICES[name] ?? { policy: '', families: [] };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      selector: { app },
      ipFamilyPolicy: policy,
      ipFamilies: families,
      ports: [{ name: 'http', port: 8080 }],
    },
  };
}

const familyOf = (ip: string): string => (isIPv6(ip) ? 'IPv6' : 'IPv4');
const familiesOf = (ips: readonly string[]): readonly string[] => ips.map(familyOf);

function clusterIps(cluster: Cluster, name: string, namespace = 'dual'): readonly string[] {
  return words(cluster.kubectl(['-n', namespace, 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIPs[*]}']));
}

function podIps(cluster: Cluster): readonly string[] {
  const path = 'jsonpath={.items[0].status.podIPs[*].ip}';
  return words(cluster.kubectl(['-n', 'dual', 'get', 'pod', '-l', 'app=server', '-o', path]));
}

/** Of the slices that hold an endpoint. */
function sliceFamilies(cluster: Cluster, name: string): readonly string[] {
  const label = `kubernetes.io/service-name=${name}`;
  const path = 'jsonpath={.items[*].endpoints[*].addresses[*]}';
  const found = words(cluster.kubectl(['-n', 'dual', 'get', 'endpointslices', '-l', label, '-o', path]));
  return [...familiesOf(found)].sort();
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

interface Call {
  readonly ip: string;
  readonly host: string;
  readonly path?: string;
  readonly family?: number;
}

/** Status and text as the namespace's caller has them, or why there are none. */
function ask(cluster: Cluster, namespace: string, { ip, host, path = '/', family = 0 }: Call): string {
  const call = { host: ip, family, port: 8080, path, headers: { host }, timeout: 5000 };
  const script = `
    const call = require('node:http').get(${JSON.stringify(call)}, (r) => {
      let text = ''; r.on('data', (c) => { text += c; }); r.on('end', () => console.log(r.statusCode + ' ' + text));
    });
    call.on('timeout', () => call.destroy(new Error('late')));
    call.on('error', (e) => console.log(e.code ?? e.message));`;
  return execNode(cluster, namespace, script);
}

function execNode(cluster: Cluster, namespace: string, script: string): string {
  const node = ['/usr/local/bin/node', '-e', script];
  return cluster.try(['-n', namespace, 'exec', 'deploy/caller', '-c', 'app', '--', ...node]).text.trim();
}
