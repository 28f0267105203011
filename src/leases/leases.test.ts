// Desk and drawers together, over a network that delays and loses: what is admitted in any time is bounded, fair, and nearly all that the limit allows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { closeTurn, FakeClock, openTurn, SeededRandom } from '#base';
import { Drawer } from './drawer.ts';
import { LeaseDesk } from './lease-desk.ts';
import { LEASE_MS, WAIT_MS } from './limits.ts';
import type { Ask, SharedLimit } from './messages.ts';

const LIMIT: SharedLimit = {
  id: 'shop/web/all',
  max: 100,
  perFill: 100,
  intervalMs: 1000,
  bucketsMax: 100,
  deny: false,
};

interface Wire {
  /** Of an ask and of its answer, in ms; below 0: lost. */
  readonly delay: () => number;
}

class Mesh {
  readonly clock = new FakeClock();
  readonly limit: SharedLimit;
  readonly drawers: Drawer[];
  /** Times at which somebody was let in, and who. */
  readonly admitted: { readonly atMs: number; readonly who: number }[] = [];
  /** How long each waited that waited. */
  readonly waits: number[] = [];
  up = true;
  #desk = new LeaseDesk(new SeededRandom(7));

  constructor(count: number, limit: SharedLimit, wire: Wire = { delay: () => 1 }) {
    this.limit = limit;
    this.#desk.setLimits([limit]);
    this.drawers = Array.from({ length: count }, () => new Drawer(this.clock));
    for (const drawer of this.drawers) {
      drawer.onAsks = (asks) => this.#carry(asks, drawer, wire);
      drawer.take({ grants: [], shares: [{ limit: limit.id, drawers: count }] });
    }
  }

  restart(): void {
    this.#desk = new LeaseDesk(new SeededRandom(8));
    this.#desk.setLimits([this.limit]);
  }

  request(who: number, key = ''): void {
    const drawn = (this.drawers[who] as Drawer).limit(this.limit);
    const bucket = drawn.bucket(key);
    const atMs = this.clock.now();
    // A filter holds it as long as it runs.
    this.#held.add(drawn);
    openTurn();
    const verdict = bucket.take(atMs);
    if (verdict === 'yes') this.admitted.push({ atMs, who });
    if (verdict === 'wait')
      bucket.join((admitted) => {
        this.waits.push(this.clock.now() - atMs);
        if (admitted) this.admitted.push({ atMs: this.clock.now(), who });
      }, atMs);
    closeTurn();
  }

  /** All at this pace together, in turns, with a request of each at its own moment. */
  load(perSecond: number, forMs: number, who = this.drawers.map((_, i) => i)): void {
    const stepMs = 1000 / perSecond;
    for (let sent = 0; sent * stepMs < forMs; sent++) {
      this.request(who[sent % who.length] as number);
      this.clock.advance(stepMs);
    }
  }

  between(fromMs: number, toMs: number): readonly { readonly atMs: number; readonly who: number }[] {
    return this.admitted.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  }

  /** By how many tokens some window exceeds what may be in it; below 0: none does. */
  excess(allowed: (windowMs: number) => number): number {
    const times = this.admitted.map(({ atMs }) => atMs);
    let worst = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < times.length; i++)
      for (let k = i; k < times.length; k++)
        worst = Math.max(worst, k - i + 1 - allowed((times[k] as number) - (times[i] as number)));
    return worst;
  }

  readonly #held = new Set<object>();

  #carry(asks: readonly Ask[], drawer: Drawer, wire: Wire): void {
    this.#later(wire.delay(), () => {
      const grants = asks.map((ask) => ({
        id: ask.id,
        ...this.#desk.draw(ask, String(this.drawers.indexOf(drawer)), 1, this.clock.now()),
      }));
      this.#later(wire.delay(), () => drawer.take({ grants, shares: [] }));
    });
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs < 0 || !this.up) return;
    this.clock.setTimer(delayMs, () => {
      if (!this.up) return;
      openTurn();
      run();
      closeTurn();
    });
  }
}

const perMs = ({ perFill, intervalMs }: SharedLimit): number => perFill / intervalMs;

const limits = fc.record({ max: fc.integer({ min: 1, max: 30 }), perFill: fc.integer({ min: 1, max: 60 }) });
const steps = fc.array(
  fc.record({
    who: fc.nat({ max: 3 }),
    requests: fc.integer({ min: 1, max: 6 }),
    thenMs: fc.constantFrom(0, 1, 3, 10, 40, 150, 1200),
    event: fc.constantFrom('none', 'none', 'none', 'none', 'restart', 'down', 'up'),
  }),
  { maxLength: 120 },
);

function run(
  mesh: Mesh,
  plan: typeof steps extends fc.Arbitrary<infer T> ? T : never,
): { restarts: number; outages: number } {
  const seen = { restarts: 0, outages: 0 };
  for (const { who, requests, thenMs, event } of plan) {
    if (event === 'restart') {
      mesh.restart();
      seen.restarts++;
    } else if (event === 'down' && mesh.up) {
      mesh.up = false;
      seen.outages++;
      for (const drawer of mesh.drawers) drawer.lost();
    } else if (event === 'up') mesh.up = true;
    for (let i = 0; i < requests; i++) mesh.request(who);
    mesh.clock.advance(thenMs);
  }
  mesh.clock.advance(1000);
  return seen;
}

test('whatever is delayed, lost or restarted, no window has more than the limit, one bucket and one lease', () => {
  fc.assert(
    fc.property(limits, steps, fc.integer(), (some, plan, seed) => {
      const random = new SeededRandom(seed);
      const limit = { ...LIMIT, ...some, deny: true };
      const mesh = new Mesh(4, limit, { delay: () => (random.float() < 0.15 ? -1 : random.float() * 130) });
      const { restarts } = run(mesh, plan);
      const allowed = (ms: number): number => perMs(limit) * (ms + LEASE_MS) + limit.max * (1 + restarts) + 0.01;
      assert.ok(mesh.excess(allowed) <= 0);
      assert.ok(mesh.waits.every((ms) => ms <= WAIT_MS));
    }),
    { numRuns: 150 },
  );
});

test('with shares for when nobody answers it is never more than twice that', () => {
  fc.assert(
    fc.property(limits, steps, fc.integer(), (some, plan, seed) => {
      const random = new SeededRandom(seed);
      const limit = { ...LIMIT, ...some };
      const mesh = new Mesh(4, limit, { delay: () => (random.float() < 0.15 ? -1 : random.float() * 130) });
      const { restarts } = run(mesh, plan);
      const leased = (ms: number): number => perMs(limit) * (ms + LEASE_MS) + limit.max * (1 + restarts);
      const shared = (ms: number): number => perMs(limit) * ms + Math.max(limit.max, 4);
      assert.ok(mesh.excess((ms) => leased(ms) + shared(ms) + 0.01) <= 0);
    }),
    { numRuns: 150 },
  );
});

test('ten proxies with three times the limit let in 95 to 105 in a hundred, each about as many', () => {
  const mesh = new Mesh(10, LIMIT);
  mesh.load(300, 10_000);
  const inside = mesh.between(4000, 10_000);
  assert.ok(inside.length >= 570 && inside.length <= 630, `${inside.length} of 600`);
  for (let who = 0; who < 10; who++) {
    const own = inside.filter((one) => one.who === who).length;
    assert.ok(own >= 40 && own <= 80, `proxy ${who} let in ${own} of 60`);
  }
});

test('one that has all the traffic gets all the limit, and the next one after it too', () => {
  const mesh = new Mesh(10, LIMIT);
  mesh.load(150, 6000, [3]);
  const first = mesh.between(2000, 6000).length;
  assert.ok(first >= 380 && first <= 420, `${first} of 400`);
  mesh.load(150, 6000, [4]);
  const second = mesh.between(8000, 12_000).length;
  assert.ok(second >= 380 && second <= 420, `${second} of 400`);
});

test('a small bucket and a slow limit are used up to the end', () => {
  const small = new Mesh(10, { ...LIMIT, max: 10 });
  small.load(300, 8000);
  const inside = small.between(2000, 8000).length;
  assert.ok(inside >= 570 && inside <= 630, `${inside} of 600`);
  const slow = new Mesh(4, { ...LIMIT, max: 5, perFill: 5, intervalMs: 3_600_000 });
  for (let i = 0; i < 40; i++) {
    slow.request(i % 4);
    slow.clock.advance(900);
  }
  assert.equal(slow.admitted.length, 5);
});

test('what is below the limit passes, and waits for its first tokens only', () => {
  const mesh = new Mesh(10, LIMIT);
  mesh.load(60, 5000);
  assert.equal(mesh.admitted.length, 300);
  assert.ok(mesh.waits.every((ms) => ms <= 5));
});

test('a hundred requests at once for one unknown bucket are judged together', () => {
  const mesh = new Mesh(2, { ...LIMIT, max: 40, perFill: 1 });
  for (let i = 0; i < 100; i++) mesh.request(0);
  mesh.clock.advance(50);
  assert.equal(mesh.admitted.length, 40);
  assert.equal(mesh.waits.length, 100);
});

test('without a control plane all shares together are the limit, and it is never unlimited', () => {
  const mesh = new Mesh(10, LIMIT);
  mesh.load(300, 3000);
  mesh.up = false;
  mesh.load(300, 6000);
  const inside = mesh.between(5000, 9000).length;
  assert.ok(inside >= 380 && inside <= 420, `${inside} of 400`);
  mesh.up = true;
  mesh.restart();
  mesh.load(300, 8000);
  const after = mesh.between(13_000, 17_000).length;
  assert.ok(after >= 380 && after <= 420, `${after} of 400`);
});

test('who is told to deny, and who was never told how many there are, lets nobody in while nobody answers', () => {
  const denying = new Mesh(3, { ...LIMIT, deny: true });
  denying.up = false;
  denying.load(100, 1000);
  assert.equal(denying.admitted.length, 0);
  const clock = new FakeClock();
  const untold = new Drawer(clock);
  untold.lost();
  assert.equal(untold.limit(LIMIT).bucket('').take(0), 'no');
});

test('fewer proxies are believed after a while only', () => {
  const clock = new FakeClock();
  const drawer = new Drawer(clock);
  const told = (drawers: number): number | undefined => {
    drawer.take({ grants: [], shares: [{ limit: 'l', drawers }] });
    return drawer.drawersOf('l');
  };
  assert.deepEqual([told(10), told(1), told(12)], [10, 10, 12]);
  clock.advance(61_000);
  assert.equal(told(3), 3);
});

test('buckets of invented keys push out the ones not used for longest, on both ends', () => {
  const mesh = new Mesh(1, { ...LIMIT, bucketsMax: 3, max: 1, perFill: 1, intervalMs: 3_600_000 });
  const ask = (key: string): number => {
    const before = mesh.admitted.length;
    mesh.request(0, key);
    mesh.clock.advance(10);
    return mesh.admitted.length - before;
  };
  assert.deepEqual(['a', 'a', 'b', 'c', 'a'].map(ask), [1, 0, 1, 1, 0]);
  assert.deepEqual(['d', 'e', 'f', 'a', 'a', 'f'].map(ask), [1, 1, 1, 1, 0, 0]);
});

test('a limit that is not known gives nothing, and replicas each give their part', () => {
  const desk = new LeaseDesk(new SeededRandom(1));
  const draw = (limit: string, replicas: number) =>
    desk.draw({ limit, key: '', tokens: 1000 }, 'web-1', replicas, 0).tokens;
  assert.equal(draw(LIMIT.id, 1), 0);
  desk.setLimits([LIMIT]);
  assert.equal(draw(LIMIT.id, 4), 25);
  desk.setLimits([]);
  assert.equal(draw(LIMIT.id, 1), 0);
});
