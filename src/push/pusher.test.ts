// Pushes are debounced but for endpoints, and a route to a vanished subset keeps what it had.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import type { SnapshotDiff } from './diff.ts';
import { Pusher } from './pusher.ts';
import { readRetained, retainedText } from './referenced-subsets.ts';
import type { Snapshot } from './snapshot.ts';

const parse = (text: string): ConfigObject[] =>
  parseText('test.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).flatMap(({ object }) =>
    object === undefined ? [] : [object],
  );

const SERVICE = parse(`apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }] }
`);
const workload = (name: string, account = 'reviews') =>
  parse(`apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: 10.0.0.1, serviceAccount: ${account}, labels: { app: reviews } }
`);
const RULE = parse(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews, subsets: [{ name: v1, labels: { version: v1 } }] }
`);
const route = (subset: string) =>
  parse(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: ${subset} } }] }] }
`);
const mtls = (mode: string) =>
  parse(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: ${mode} } }
`);

class Bench {
  readonly clock = new FakeClock();
  readonly pusher = new Pusher({ clock: this.clock, domain: 'cluster.local', cluster: 'c1' });
  readonly pushes: { snapshot: Snapshot; diff: SnapshotDiff }[] = [];
  #objects = new Map<string, ConfigObject>();
  #generation = 0;

  constructor(...initial: readonly ConfigObject[][]) {
    this.pusher.subscribe((snapshot, diff) => void this.pushes.push({ snapshot, diff }));
    this.set(...initial);
  }

  /** Adds or replaces objects; those in `without` go. */
  set(...lists: readonly ConfigObject[][]): void {
    this.#change(lists.flat(), []);
  }

  remove(...lists: readonly ConfigObject[][]): void {
    this.#change([], lists.flat());
  }

  get last(): Snapshot {
    return this.pusher.snapshot as Snapshot;
  }

  codes(): string[] {
    return this.last.conditions.map((c) => c.code);
  }

  #change(put: readonly ConfigObject[], gone: readonly ConfigObject[]): void {
    const changed = new Set(put.map((o) => o.key));
    const removed = new Set(gone.map((o) => o.key));
    for (const object of put) this.#objects.set(object.key, object);
    for (const key of removed) this.#objects.delete(key);
    const from = this.#generation++;
    this.pusher.configChanged(viewOf(this.#objects.values(), this.#generation), {
      from,
      to: this.#generation,
      added: new Set(),
      changed,
      removed,
    });
  }
}

describe('the pusher', () => {
  it('builds the first snapshot at once', () => assert.equal(new Bench(SERVICE).last.number, 1));

  it('waits for 10 ms of quiet', () => {
    const bench = new Bench(SERVICE);
    bench.set(RULE);
    bench.clock.advance(9);
    assert.equal(bench.pushes.length, 1);
    bench.clock.advance(1);
    assert.equal(bench.pushes.length, 2);
  });

  it('waits no longer than 100 ms however busy it is', () => {
    const bench = new Bench(SERVICE);
    for (let i = 0; i < 12; i++) {
      bench.set(route(`v${i}`));
      bench.clock.advance(9);
    }
    assert.equal(bench.pushes.length, 2);
  });

  it('pushes endpoints at once, without touching the rest', () => {
    const bench = new Bench(SERVICE, workload('a'));
    const before = bench.last;
    bench.pusher.healthChanged('WorkloadEntry/default/a', false);
    assert.equal(bench.last.number, before.number + 1);
    assert.equal(bench.last.configNumber, before.configNumber);
    assert.equal(bench.last.services, before.services);
    assert.equal(bench.pushes.at(-1)?.diff.configuration, false);
  });

  it('says that configuration changed with the pods of a headless service: names and listeners are theirs', () => {
    const headless = parse(`apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { clusterIP: None, selector: { app: reviews }, ports: [{ name: tcp, port: 80 }] }
`);
    const bench = new Bench(headless, workload('r1'));
    bench.set(workload('r2'));
    assert.equal(bench.pushes.at(-1)?.diff.configuration, true);
  });
  it('says that configuration changed when an endpoint brings a new identity', () => {
    const bench = new Bench(SERVICE, workload('a'));
    bench.set(workload('b', 'somebody-else'));
    assert.equal(bench.pushes.at(-1)?.diff.configuration, true);
  });
});

describe('a route to a subset', () => {
  it('that was removed keeps its former endpoints, and the object says so', () => {
    const bench = new Bench(SERVICE, RULE, route('v1'));
    bench.remove(RULE);
    bench.pusher.flush();
    assert.deepEqual(bench.last.retained.subsets.get('reviews.default.svc.cluster.local|v1')?.subset.labels, {
      version: 'v1',
    });
    assert.deepEqual(bench.codes(), ['TS-REG-002']);
  });

  it('keeps them however many pushes follow, and gives them up with the route', () => {
    const bench = new Bench(SERVICE, RULE, route('v1'));
    bench.remove(RULE);
    bench.pusher.flush();
    bench.set(mtls('STRICT'));
    bench.pusher.flush();
    assert.equal(bench.last.retained.subsets.size, 1);
    bench.remove(route('v1'));
    bench.pusher.flush();
    assert.equal(bench.last.retained.subsets.size, 0);
    assert.deepEqual(bench.codes(), []);
  });

  it('that never existed leaves the former routes in force', () => {
    const bench = new Bench(SERVICE, RULE, route('v1'));
    bench.set(route('v9'));
    bench.pusher.flush();
    assert.equal(bench.last.virtualServices.all[0]?.object.spec.http?.[0]?.route?.[0]?.destination.subset, 'v1');
    assert.deepEqual(bench.codes(), ['TS-REG-003']);
    const [message = ''] = bench.last.conditions.map((one) => one.message);
    assert.match(
      message,
      /defines: its former routes stay in force \(subsets that are defined: v1(, v\d)*\)\. Did you/,
    );
  });

  it('that never existed is complained of, and not what its former text was complained of', () => {
    const lost = parse(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: revews } }] }] }
`);
    const bench = new Bench(SERVICE, RULE, lost);
    assert.deepEqual(bench.codes(), ['TS-REG-006']);
    bench.set(route('v9'));
    bench.pusher.flush();
    assert.equal(bench.last.virtualServices.all[0]?.object, lost[0]);
    assert.deepEqual(bench.codes(), ['TS-REG-003']);
  });

  it('waits for the subset when there were no routes, in whatever order they are applied', () => {
    const bench = new Bench(SERVICE, route('v1'));
    assert.equal(bench.last.virtualServices.all.length, 0);
    bench.set(RULE);
    bench.pusher.flush();
    assert.equal(bench.last.virtualServices.all.length, 1);
    assert.deepEqual(bench.codes(), []);
  });
});

describe('a route to an unknown host', () => {
  const hint = (host: string): string | undefined => {
    const routes = parse(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec: { hosts: [a], http: [{ route: [{ destination: { host: ${host} } }] }] }
`);
    const [found] = new Bench(SERVICE, routes).last.conditions;
    assert.equal(found?.code, 'TS-REG-006');
    assert.equal(found?.message.includes('Did you mean'), found?.nearest !== undefined);
    return found?.nearest;
  };

  it('is told the nearest service of the namespace, as the host was written', () => {
    assert.equal(hint('revews'), 'reviews');
    assert.equal(hint('revews.default.svc.cluster.local'), 'reviews.default.svc.cluster.local');
    assert.equal(hint('revews.default'), 'reviews.default');
    assert.equal(hint('revews.default.svc'), 'reviews.default.svc');
    assert.equal(hint('ratings'), undefined);
    assert.equal(hint('revews.example.org'), undefined);
  });
});

describe('a destination that leads nowhere', () => {
  const told = (...texts: readonly string[]): string[] =>
    new Bench(SERVICE, ...texts.map(parse)).last.conditions.map((c) => `${c.code} ${c.object} ${c.path}: ${c.message}`);
  const routes = (spec: string, name = 'a'): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { ${spec} }
`;
  const rule = (host: string, spec: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: a }
spec: { host: ${host}, ${spec} }
`;
  const to = (host: string, port: number): string => `destination: { host: ${host}, port: { number: ${port} } }`;
  const noPort = (kind: string, path: string, effect: string, host = 'reviews'): string =>
    `TS-REG-029 ${kind} default/a ${path}.port.number: port 8001 is no port of service ${host} (80): ${effect}`;

  it('is told of ports in routes of every kind', () => {
    const lost = (path: string, what: string): string => noPort('VirtualService', path, `${what} find no cluster`);
    const http = `hosts: [a], http: [{ match: [{ uri: { prefix: /a } }], route: [{ ${to('reviews', 80)}, weight: 50 }, { ${to('reviews', 8001)}, weight: 50 }], mirror: { host: reviews, port: { number: 8001 } } }, { route: [{ ${to('reviews', 80)} }], mirrors: [{ ${to('reviews', 8001)} }] }]`;
    assert.deepEqual(told(routes(http)), [
      lost('spec.http[0].route[1].destination', 'requests to it'),
      lost('spec.http[0].mirror', 'copies of requests'),
      lost('spec.http[1].mirrors[0].destination', 'copies of requests'),
    ]);
    const tcp = `hosts: [a], tcp: [{ route: [{ ${to('reviews', 8001)} }] }], tls: [{ match: [{ sniHosts: [a] }], route: [{ ${to('reviews', 8001)} }] }]`;
    assert.deepEqual(told(routes(tcp)), [
      lost('spec.tls[0].route[0].destination', 'connections to it'),
      lost('spec.tcp[0].route[0].destination', 'connections to it'),
    ]);
  });

  it('is told of hosts in routes of every kind', () => {
    const lost = (path: string, what: string): string =>
      `TS-REG-006 VirtualService default/a ${path}.host: host ratings.default.svc.cluster.local names no service: ${what} find no cluster`;
    const spec = `hosts: [a], http: [{ route: [{ ${to('reviews', 80)} }], mirror: { host: ratings } }], tcp: [{ route: [{ ${to('ratings', 80)} }] }]`;
    assert.deepEqual(told(routes(spec)), [
      lost('spec.http[0].mirror', 'copies of requests'),
      lost('spec.tcp[0].route[0].destination', 'connections to it'),
    ]);
  });

  it('is as grave whether host, port or subset is missing: what is written is not so', () => {
    const severities = [
      'destination: { host: nobody }',
      to('reviews', 8001),
      'destination: { host: reviews, subset: v9 }',
    ]
      .map((one) => parse(routes(`hosts: [a], http: [{ route: [{ ${one} }] }]`)))
      .map((objects) => new Bench(SERVICE, objects).last.conditions.map(({ code, severity }) => `${code} ${severity}`));
    assert.deepEqual(severities, [['TS-REG-006 error'], ['TS-REG-029 error'], ['TS-REG-003 error']]);
  });

  it("is told once at the delegate whose text it is, and under the service's whole name as written", () => {
    const full = 'reviews.default.svc.cluster.local';
    const delegates = 'http: [{ match: [{ uri: { prefix: /a } }], delegate: { name: a } }]';
    assert.deepEqual(
      told(
        routes(`hosts: [b], ${delegates}`, 'b'),
        routes(`hosts: [c], ${delegates}`, 'c'),
        routes(`http: [{ route: [{ ${to(full, 8001)} }] }]`),
      ),
      [noPort('VirtualService', 'spec.http[0].route[0].destination', 'requests to it find no cluster', full)],
    );
  });

  it("is told of a DestinationRule's settings by port, and not where the host is a pattern, or not known, which is what is told", () => {
    const by = (port: number): string =>
      `trafficPolicy: { portLevelSettings: [{ port: { number: ${port} }, loadBalancer: { simple: RANDOM } }] }`;
    const idle = (at: string): string =>
      noPort('DestinationRule', `${at}.portLevelSettings[0]`, 'these settings are in force nowhere');
    assert.deepEqual(told(rule('reviews', by(80))), []);
    assert.deepEqual(told(rule('reviews', `${by(8001)}, subsets: [{ name: v1, ${by(8001)} }]`)), [
      idle('spec.trafficPolicy'),
      idle('spec.subsets[0].trafficPolicy'),
    ]);
    assert.deepEqual(told(rule('"*.local"', by(8001))), []);
    assert.deepEqual(
      told(rule('ratings', by(8001))).map((one) => one.slice(0, 10)),
      ['TS-REG-031'],
    );
  });

  it('is not told while one of several owners of a host has the port', () => {
    const entry = (namespace: string, port: number): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: e, namespace: ${namespace} }
spec: { hosts: [api.example], resolution: DNS, ports: [{ number: ${port}, name: http, protocol: HTTP }] }
`;
    const route = routes(`hosts: [a], http: [{ route: [{ ${to('api.example', 8001)} }] }]`);
    assert.deepEqual(told(entry('one', 80), entry('two', 8001), route), []);
    assert.match(told(entry('one', 80), entry('two', 81), route).join('\n'), /service api\.example \(80, 81\): /);
  });
});

describe('after a restart', () => {
  const again = (bench: Bench, ...objects: readonly ConfigObject[][]): Snapshot => {
    const retained = readRetained(retainedText(bench.last));
    const pusher = new Pusher({ clock: bench.clock, domain: 'cluster.local', cluster: 'c1', retained });
    pusher.configChanged(viewOf(objects.flat(), 1), {
      from: 0,
      to: 1,
      added: new Set(objects.flat().map((o) => o.key)),
      changed: new Set(),
      removed: new Set(),
    });
    return pusher.snapshot as Snapshot;
  };

  it('a route that came meanwhile, to a subset that nobody ever defined, waits as it would have before', () => {
    const snapshot = again(new Bench(SERVICE), SERVICE, route('v1'));
    assert.equal(snapshot.virtualServices.all.length, 0);
    assert.deepEqual(
      snapshot.conditions.map((c) => c.code),
      ['TS-REG-003'],
    );
  });

  it('a route whose subset went meanwhile keeps its former endpoints', () => {
    const snapshot = again(new Bench(SERVICE, RULE, route('v1')), SERVICE, route('v1'));
    assert.equal(snapshot.virtualServices.all.length, 1);
    assert.equal(snapshot.retained.subsets.size, 1);
  });
});

describe('a change of mTLS mode', () => {
  it('from DISABLE lets receivers accept both until senders acknowledged', () => {
    const bench = new Bench(SERVICE, mtls('DISABLE'));
    bench.set(mtls('STRICT'));
    bench.pusher.flush();
    assert.ok(bench.last.formerPeerAuthentications !== undefined);
    bench.pusher.sendersAcknowledged(bench.last.number - 1);
    assert.ok(bench.last.formerPeerAuthentications !== undefined);
    bench.pusher.sendersAcknowledged(bench.last.number);
    assert.equal(bench.last.formerPeerAuthentications, undefined);
  });

  it('is over after 30 s in any case', () => {
    const bench = new Bench(SERVICE, mtls('DISABLE'));
    bench.set(mtls('STRICT'));
    bench.clock.advance(30_011);
    assert.equal(bench.last.formerPeerAuthentications, undefined);
  });
});
