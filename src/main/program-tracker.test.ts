// Programmed n/m: whom an object concerns, who has acknowledged it, and what is laid at its door.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { ObjectId } from '#api';
import { FakeClock, type ProxyNode, TYPE_URL } from '#base';
import { parseText, viewOf } from '#config';
import { Pusher } from '#push';
import { ProgramTracker } from './program-tracker.ts';
import type { ConnectedProxy } from './proxy-index.ts';

interface Joined extends ConnectedProxy {
  watermark: number;
}

function joined(name: string, namespace: string, labels: Record<string, string>, type = 'sidecar'): Joined {
  const node: ProxyNode = {
    id: `${type}~10.0.0.1~${name}.${namespace}~${namespace}.svc.cluster.local`,
    parsed: { type, ip: '10.0.0.1', workload: name, namespace, domain: 'cluster.local' } as ProxyNode['parsed'],
    cluster: '',
    metadata: { NAMESPACE: namespace, LABELS: labels },
    locality: { region: '', zone: '', subZone: '' },
    userAgent: '',
    principal: '',
  };
  return { node, watermark: 0 };
}

/** A mesh of one configuration, whose text is set whole. */
function mesh(proxies: readonly Joined[]) {
  const clock = new FakeClock();
  const pusher = new Pusher({ clock, domain: 'cluster.local', cluster: 'c1' });
  let connected: readonly ConnectedProxy[] = proxies;
  const tracker = new ProgramTracker({ clock, streams: () => connected, snapshot: () => pusher.snapshot });
  pusher.subscribe((snapshot, diff) => tracker.snapshotMade(snapshot, diff));
  let former = new Map<string, unknown>();
  return {
    clock,
    tracker,
    pusher,
    number: (): number => pusher.snapshot?.number ?? 0,
    connect: (all: readonly ConnectedProxy[]): void => void (connected = all),
    write: (...objects: readonly object[]): void => {
      const text = objects.map((one) => JSON.stringify(one)).join('\n---\n');
      const documents = parseText('t.yaml', text, { defaultNamespace: 'default', createdMs: 1 });
      assert.deepEqual(
        documents.flatMap(({ complaints }) => complaints.filter(({ severity }) => severity === 'error')),
        [],
      );
      const config = viewOf(documents.flatMap(({ object }) => object ?? []));
      const next = new Map([...config.all()].map((one) => [one.key, JSON.stringify([one.spec, one.metadata])]));
      pusher.configChanged(config, {
        from: 0,
        to: 0,
        added: new Set([...next.keys()].filter((key) => !former.has(key))),
        changed: new Set(
          [...next].filter(([key, it]) => former.has(key) && former.get(key) !== it).map(([key]) => key),
        ),
        removed: new Set([...former.keys()].filter((key) => !next.has(key))),
      });
      pusher.flush();
      former = next;
    },
    /** `n/m`, then who lags and who refused. */
    counted: (...ids: readonly ObjectId[]): string => {
      const { acknowledged, concerned, lagging, rejected } = tracker.programmed(ids) ?? assert.fail('in no snapshot');
      const named = (word: string, list: readonly { readonly proxy: string }[]): string =>
        list.length === 0 ? '' : ` ${word} ${list.map(({ proxy }) => proxy).join(' ')}`;
      return `${acknowledged}/${concerned}${named('lag', lagging)}${named('refused', rejected)}`;
    },
    refuse: ({ node }: ConnectedProxy, id: ObjectId, snapshot: number): void =>
      tracker.rejected({
        node,
        typeUrl: TYPE_URL.listener,
        snapshot,
        names: ['l'],
        origins: [id],
        detail: 'cannot bind',
      }),
  };
}

const object = (apiVersion: string, kind: string, spec: object, namespace = 'shop', name = 'o'): object => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  spec,
});
const idOf = (kind: string, namespace = 'shop', name = 'o'): ObjectId => ({ kind, namespace, name });
const policy = (app: string, name = 'o'): object =>
  object(
    'security.istio.io/v1',
    'AuthorizationPolicy',
    { selector: { matchLabels: { app } }, rules: [{}] },
    'shop',
    name,
  );
const POLICY = idOf('AuthorizationPolicy');

function shop() {
  const web = joined('web', 'shop', { app: 'web' });
  const web2 = joined('web2', 'shop', { app: 'web' });
  const db = joined('db', 'shop', { app: 'db' });
  const other = joined('web', 'other', { app: 'web' });
  const edge = joined('edge', 'shop', { app: 'web', istio: 'edge' }, 'router');
  return { web, web2, db, other, edge, all: [web, web2, db, other, edge] };
}

describe('an object concerns', () => {
  it('the proxies that it selects, of its own namespace', () => {
    const { all, web, edge } = shop();
    const m = mesh(all);
    m.write(policy('web'));
    assert.equal(m.counted(POLICY), '0/3 lag edge.shop web.shop web2.shop');
    web.watermark = edge.watermark = m.number();
    assert.equal(m.counted(POLICY), '2/3 lag web2.shop');
  });
  it('nobody, where nobody has its labels, and then whoever comes with them', () => {
    const { all } = shop();
    const m = mesh(all);
    m.write(policy('payments'));
    assert.equal(m.counted(POLICY), '0/0');
    m.connect([...all, joined('pay', 'shop', { app: 'payments' })]);
    assert.equal(m.counted(POLICY), '0/1 lag pay.shop');
  });
  it('everybody, where clients of the whole mesh may get something of it', () => {
    const m = mesh(shop().all);
    m.write(object('networking.istio.io/v1', 'DestinationRule', { host: 'db' }));
    assert.match(m.counted(idOf('DestinationRule')), /^0\/5 /);
  });
  it('sidecars or gateways alone, where its kind is for them', () => {
    const m = mesh(shop().all);
    const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
    m.write(
      object('networking.istio.io/v1', 'Sidecar', { egress: [{ hosts: ['./*'] }] }),
      object('networking.istio.io/v1', 'Gateway', { selector: { app: 'web' }, servers }),
    );
    assert.equal(m.counted(idOf('Sidecar')), '0/3 lag db.shop web.shop web2.shop');
    assert.equal(m.counted(idOf('Gateway')), '0/1 lag edge.shop');
  });
  it('each proxy once, where several objects are asked about', () => {
    const { all, web, web2 } = shop();
    const m = mesh(all);
    m.write(policy('web'), policy('db', 'p'));
    web.watermark = web2.watermark = m.number();
    const both = [POLICY, idOf('AuthorizationPolicy', 'shop', 'p')];
    assert.equal(m.counted(...both, POLICY), '2/4 lag edge.shop db.shop');
  });
});

describe('an object that changes', () => {
  it('concerns those that it selected before, until they have let go of it', () => {
    const { all, web, web2, db, edge } = shop();
    const m = mesh(all);
    m.write(policy('web'));
    for (const one of all) one.watermark = m.number();
    m.write(policy('db'));
    assert.equal(m.counted(POLICY), '0/4 lag edge.shop db.shop web.shop web2.shop');
    db.watermark = web.watermark = edge.watermark = m.number();
    assert.equal(m.counted(POLICY), '1/2 lag web2.shop');
    web2.watermark = m.number();
    assert.equal(m.counted(POLICY), '1/1');
    m.write(policy('db'), policy('web', 'p'));
    assert.equal(m.counted(POLICY), '1/1', 'another object changed');
  });
  it('and changes again concerns all of them', () => {
    const { all, db } = shop();
    const m = mesh(all);
    m.write(policy('web'));
    m.write(policy('db'));
    m.write(policy('payments'));
    db.watermark = m.number();
    assert.equal(m.counted(POLICY), '0/3 lag edge.shop web.shop web2.shop');
    for (const one of all) one.watermark = m.number();
    m.write(policy('payrolls'));
    assert.equal(m.counted(POLICY), '0/0');
  });
  it('and changes time and again while all lag forgets nobody', () => {
    const apps = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const all = apps.map((app) => joined(app, 'shop', { app }));
    const m = mesh(all);
    for (const app of apps) m.write(policy(app));
    assert.match(m.counted(POLICY), /^0\/7 /);
    for (const one of all.slice(1)) one.watermark = m.number();
    assert.equal(m.counted(POLICY), '1/2 lag a.shop');
  });
  it('and is removed concerns those that had it', () => {
    const { all, web } = shop();
    const m = mesh(all);
    m.write(policy('web'));
    m.write();
    web.watermark = m.number();
    assert.equal(m.counted(POLICY), '1/3 lag edge.shop web2.shop');
  });
});

describe('a narrower mTLS mode', () => {
  const strict = object('security.istio.io/v1', 'PeerAuthentication', {
    selector: { matchLabels: { app: 'db' } },
    mtls: { mode: 'STRICT' },
  });
  it('is there once its receivers no longer accept the former one', () => {
    const { all, db } = shop();
    const m = mesh(all);
    m.write(policy('web'));
    m.write(policy('web'), strict);
    db.watermark = m.number();
    assert.equal(m.counted(idOf('PeerAuthentication')), '0/1 lag db.shop', 'its clients have not switched yet');
    m.pusher.sendersAcknowledged(m.number());
    assert.equal(m.counted(idOf('PeerAuthentication')), '0/1 lag db.shop', 'it accepts both still');
    db.watermark = m.number();
    assert.equal(m.counted(idOf('PeerAuthentication')), '1/1');
  });
  it('takes nothing back of other modes', () => {
    const { all, db } = shop();
    const m = mesh(all);
    m.write(policy('web'), strict);
    for (const one of all) one.watermark = m.number();
    const other = { ...strict, metadata: { name: 'p', namespace: 'other' } };
    m.write(policy('web'), strict, other);
    db.watermark = m.number();
    assert.equal(m.counted(idOf('PeerAuthentication')), '1/1');
    m.pusher.close();
  });
});

describe('a refusal', () => {
  it('of a former form, told after the next one was made, is not laid at its door', () => {
    const edge = joined('gw', 'shop', { app: 'gw' }, 'router');
    const m = mesh([edge]);
    const gateway = (number: number): object =>
      object('networking.istio.io/v1', 'Gateway', {
        selector: { app: 'gw' },
        servers: [{ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      });
    m.write(gateway(81));
    const bad = m.number();
    m.refuse(edge, idOf('Gateway'), bad);
    assert.equal(m.counted(idOf('Gateway')), '0/1 refused gw.shop');
    m.write(gateway(82));
    m.refuse(edge, idOf('Gateway'), bad);
    assert.equal(m.counted(idOf('Gateway')), '0/1 lag gw.shop');
    edge.watermark = m.number();
    assert.equal(m.counted(idOf('Gateway')), '1/1');
    m.refuse(edge, idOf('Gateway'), m.number());
    assert.equal(m.counted(idOf('Gateway')), '0/1 refused gw.shop');
  });
  it('by a proxy that the object does not select counts all the same', () => {
    const { all, web, db } = shop();
    const m = mesh(all);
    m.write(policy('db'));
    db.watermark = m.number();
    m.refuse(web, POLICY, m.number());
    assert.equal(m.counted(POLICY), '1/2 refused web.shop');
    m.connect(all.filter((one) => one !== web));
    assert.equal(m.counted(POLICY), '1/1', 'it is gone');
  });
});

test('asking about every object looks at each proxy a few times, not once for each object', () => {
  let looks = 0;
  const OBJECTS = 200;
  const PROXIES = 500;
  const all = Array.from({ length: PROXIES }, (_, i): Joined => {
    const one = joined(`w${i}`, 'shop', { app: `a${i % OBJECTS}` });
    return Object.defineProperty({ ...one }, 'watermark', {
      get: () => {
        looks += 1;
        return i === 0 ? 0 : Number.MAX_SAFE_INTEGER;
      },
    });
  });
  const m = mesh(all);
  const rules = Array.from({ length: OBJECTS }, (_, i) =>
    object('networking.istio.io/v1', 'DestinationRule', { host: `h${i}` }, 'shop', `r${i}`),
  );
  m.write(...Array.from({ length: OBJECTS }, (_, i) => policy(`a${i}`, `p${i}`)), ...rules);
  looks = 0;
  for (let i = 0; i < OBJECTS; i++) {
    assert.equal(
      m.counted(idOf('AuthorizationPolicy', 'shop', `p${i}`)),
      i === 0 ? '2/3 lag w0.shop' : i < 100 ? '3/3' : '2/2',
    );
    assert.equal(m.counted(idOf('DestinationRule', 'shop', `r${i}`)), '499/500 lag w0.shop');
  }
  assert.ok(looks < 10 * (OBJECTS + PROXIES), `${looks} looks`);
});
