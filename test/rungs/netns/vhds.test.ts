// Captured workloads' agents take virtual hosts by themselves: a changed route moves one of them, the table stays; over a restart of the control plane too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const route = (status: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: told, namespace: default }
spec:
  hosts: [told]
  http:
  - fault: { abort: { httpStatus: ${status}, percentage: { value: 100 } } }
    route: [{ destination: { host: told } }]
`;

interface Dump {
  readonly configs: readonly {
    readonly dynamic_route_configs?: readonly {
      readonly version_info: string;
      readonly route_config: { readonly name: string; readonly virtual_hosts?: readonly { readonly name: string }[] };
    }[];
  }[];
}

let mesh: TestMesh;
before(async () => {
  mesh = await startMesh({ capture: 'userns', workloads: [{ app: 'asker' }, { app: 'told' }] });
});
after(() => mesh.stop());

const dump = async (): Promise<Dump> => JSON.parse(await mesh.admin('asker', '/config_dump')) as Dump;

async function table(): Promise<{ readonly version: string; readonly hosts: readonly string[] }> {
  const tables = (await dump()).configs.flatMap((one) => one.dynamic_route_configs ?? []);
  const found = tables.find((one) => one.route_config.name === '9080');
  assert.ok(found !== undefined, tables.map((one) => one.route_config.name).join());
  return { version: found.version_info, hosts: (found.route_config.virtual_hosts ?? []).map(({ name }) => name) };
}

async function ask(): Promise<number> {
  const [answer] = await mesh.order('asker', { url: 'http://told:9080/' });
  return answer?.status ?? 0;
}

test('a changed route reaches its proxy without a new table, and the admin page shows the table whole', async () => {
  await mesh.apply(route(418));
  assert.equal(await ask(), 418);
  const first = await table();
  assert.ok(
    first.hosts.some((name) => name.startsWith('told.default.svc.cluster.local')),
    first.hosts.join(),
  );
  await mesh.apply(route(451));
  assert.equal(await ask(), 451);
  assert.equal((await table()).version, first.version);
  let states = '';
  await until(
    () => states,
    async () => {
      states = (await mesh.proxies()).map((one) => one.types['VHDS']).join();
      return states === 'SYNCED,SYNCED';
    },
  );
});

test('while the control plane is gone and when it is back nobody sees half a table', async () => {
  const seen = new Set<number>();
  let going = true;
  const asking = (async () => {
    while (going) seen.add(await ask());
  })();
  await mesh.process('istiod').stop('SIGKILL');
  await mesh.restartControlPlane();
  await mesh.apply(`apiVersion: v1\nkind: Namespace\nmetadata: { name: other }\n`);
  going = false;
  await asking;
  assert.deepEqual([...seen], [451]);
  // A proxy that is not back yet is not waited for.
  await mesh.apply(route(418));
  await until('418', async () => (await ask()) === 418);
  await mesh.delete('VirtualService', 'told');
  await until('200', async () => (await ask()) === 200);
});
