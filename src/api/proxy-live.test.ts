// What a proxy's own pages say reaches the dashboard; where they do not answer, that is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyJson } from './api-json.ts';
import type { ProxyLiveJson } from './dashboard-json.ts';
import { proxyLiveRoutes } from './proxy-live.ts';

const CLUSTERS = {
  cluster_statuses: [
    {
      name: 'outbound|80||a',
      host_statuses: [
        {
          address: { socket_address: { address: '10.0.0.1', port_value: 80 } },
          stats: [{ name: 'rq_total', value: '7' }, { name: 'rq_error', value: '2' }, { name: 'rq_active' }],
          health_status: { eds_health_status: 'HEALTHY', failed_outlier_check: true },
        },
      ],
    },
  ],
};
const CERTS = {
  certificates: [
    {
      ca_cert: [{ path: 'ROOTCA', serial_number: '1', expiration_time: '2036-01-01T00:00:00Z' }],
      cert_chain: [
        {
          serial_number: '2',
          subject_alt_names: [{ uri: 'spiffe://cluster.local/ns/d/sa/a' }],
          expiration_time: '2026-01-01T00:00:00Z',
        },
      ],
    },
  ],
};

async function live(adminPort: number, answer: (path: string) => unknown): Promise<ProxyLiveJson> {
  const proxy = { id: 'p', name: 'a', namespace: 'd', adminPort } as ProxyJson;
  const [route] = proxyLiveRoutes(
    () => [proxy],
    async ({ path }) => {
      const body = answer(path);
      return body === undefined ? undefined : { status: 200, body: JSON.stringify(body) };
    },
  );
  const asked = {
    method: 'GET',
    path: '',
    params: { name: 'a.d' },
    query: new URLSearchParams(),
    headers: {},
    body: '',
  };
  const said = (await route?.answer(asked as never)) as { readonly body: string };
  return JSON.parse(said.body) as ProxyLiveJson;
}

test('endpoints tell who is ejected and how many requests failed, certificates until when they hold', async () => {
  const { reachable, endpoints, certificates } = await live(15000, (path) => (path === '/certs' ? CERTS : CLUSTERS));
  assert.ok(reachable);
  const [one] = endpoints;
  assert.deepEqual(
    [one?.cluster, one?.address, one?.ejected, one?.failedHealthCheck, one?.requests, one?.errors, one?.active],
    ['outbound|80||a', '10.0.0.1:80', true, false, 7, 2, 0],
  );
  assert.deepEqual(
    certificates.map(({ role, subject, notAfterMs }) => [role, subject, new Date(notAfterMs).getUTCFullYear()]),
    [
      ['own', 'spiffe://cluster.local/ns/d/sa/a', 2026],
      ['root', 'ROOTCA', 2036],
    ],
  );
});

test('a proxy whose pages do not answer, or say something else, is told as out of reach', async () => {
  assert.equal((await live(0, () => CLUSTERS)).reachable, false);
  assert.equal((await live(15000, () => undefined)).reachable, false);
  assert.deepEqual((await live(15000, () => 'text')).endpoints, []);
});
