// A sidecar with the seed's 128 Mi lives through 1,000 connections; pods outside the mesh talk to it while PERMISSIVE.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const CONNECTIONS = 1000;

const test: KubeTest = {
  title: 'A sidecar of 128 Mi',
  seconds: 25,
  run: async (cluster, step) => {
    await step('images, minimal profile, one echoing workload', async () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      mustTopsail(cluster, [
        'install',
        '--set',
        'profile=minimal',
        '--set',
        'values.pilot.resources.requests.cpu=10m',
        '-y',
        '--readiness-timeout',
        '600s',
      ]);
      cluster.kubectl(['create', 'namespace', 'small']);
      cluster.kubectl(['label', 'namespace', 'small', 'istio-injection=enabled']);
      cluster.kubectl(['-n', 'small', 'apply', '-f', '-'], workload());
      cluster.kubectl(['-n', 'small', 'wait', '--for=condition=Ready', 'pod/echo', '--timeout=600s']);
    });
    const ip = cluster.kubectl(['-n', 'small', 'get', 'pod', 'echo', '-o', 'jsonpath={.status.podIP}']);
    const refused = await step(`${CONNECTIONS} connections, each with a request`, async () => {
      const open: Socket[] = [];
      let answered = 0;
      for (let i = 0; i < CONNECTIONS; i += 50) {
        const some = await Promise.all(Array.from({ length: 50 }, () => ask(ip)));
        for (const { socket, ok } of some) {
          open.push(socket);
          if (ok) answered++;
        }
      }
      for (const socket of open) socket.destroy();
      return CONNECTIONS - answered;
    });
    await step(`the proxy was not killed (${refused} were turned away)`, async () => {
      assert.equal(restarts(cluster), '0');
      await until('an ordinary answer', 20, async () => (await ask(ip)).ok);
    });
  },
};

export default test;

function restarts(cluster: Parameters<KubeTest['run']>[0]): string {
  return cluster.kubectl([
    '-n',
    'small',
    'get',
    'pod',
    'echo',
    '-o',
    'jsonpath={.status.initContainerStatuses[?(@.name=="istio-proxy")].restartCount}',
  ]);
}

/** One request on a connection of its own, which stays open. */
function ask(ip: string): Promise<{ readonly socket: Socket; readonly ok: boolean }> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port: 8080 });
    let text = '';
    const limit = setTimeout(() => resolve({ socket, ok: false }), 10_000);
    const end = (ok: boolean): void => {
      clearTimeout(limit);
      resolve({ socket, ok });
    };
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) end(text.startsWith('HTTP/1.1 200'));
    });
    socket.write('GET / HTTP/1.1\r\nhost: echo\r\n\r\n');
  });
}

function workload(): string {
  const server = "require('node:http').createServer((q, r) => r.end('ok')).listen(8080, '0.0.0.0')";
  const labels = { app: 'echo' };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'echo' },
        spec: { selector: labels, ports: [{ name: 'http', port: 8080 }] },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'echo',
          labels,
          annotations: {
            'sidecar.istio.io/proxyMemory': '128Mi',
            'sidecar.istio.io/proxyMemoryLimit': '128Mi',
            'sidecar.istio.io/proxyCPULimit': '1',
          },
        },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'app', image: `${HUB}/bookshop:${VERSION}`, args: ['-e', server] }],
        },
      },
    ],
  });
}
