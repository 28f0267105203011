// A refusal counts against the form of the object that was refused, however late it is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type ProxyNode, TYPE_URL } from '#base';
import { parseText, viewOf } from '#config';
import { buildSnapshot, type Snapshot } from '#push';
import { Registry } from '#registry';
import { ProgramTracker } from './program-tracker.ts';

const ID = { kind: 'Gateway', namespace: 'default', name: 'front' };
const node: ProxyNode = {
  id: 'router~10.0.0.1~gw.default~default.svc.cluster.local',
  parsed: { type: 'router', ip: '10.0.0.1', workload: 'gw', namespace: 'default', domain: 'cluster.local' },
  cluster: '',
  metadata: { NAMESPACE: 'default', LABELS: { app: 'gw' } },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: '',
};

/** What each edit makes, under numbers that grow by one. */
function snapshots(): (port: number) => Snapshot {
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c1' });
  let former: Snapshot | undefined;
  return (port) => {
    const text = `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: front }\nspec: { selector: { app: gw }, servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ["*"] }] }\n`;
    const objects = parseText('t.yaml', text, { defaultNamespace: 'default', createdMs: 1 });
    const config = viewOf(objects.flatMap(({ object }) => object ?? []));
    const view = registry.rebuild(config).view;
    former = buildSnapshot({ config, registry: view, domain: 'cluster.local', former });
    return former;
  };
}

test('a refusal of a former form, told after the next one was made, is not laid at its door', () => {
  const next = snapshots();
  let current: Snapshot | undefined;
  let watermark = 0;
  const tracker = new ProgramTracker({
    clock: new FakeClock(),
    streams: () => [{ node, watermark }],
    snapshot: () => current,
  });
  const edit = (port: number): Snapshot => {
    current = next(port);
    tracker.snapshotMade(current, { objects: new Set(['Gateway/default/front']), endpoints: new Set() } as never);
    return current;
  };
  const refuse = (snapshot: number): void =>
    tracker.rejected({
      node,
      typeUrl: TYPE_URL.listener,
      snapshot,
      names: ['l'],
      origins: [ID],
      detail: 'cannot bind',
    });
  const bad = edit(81);
  refuse(bad.number);
  assert.equal(tracker.programmed([ID])?.rejected.length, 1);
  const good = edit(82);
  refuse(bad.number);
  assert.deepEqual(tracker.programmed([ID])?.rejected, []);
  watermark = good.number;
  assert.equal(tracker.programmed([ID])?.acknowledged, 1);
  refuse(good.number);
  assert.equal(tracker.programmed([ID])?.rejected.length, 1);
});
