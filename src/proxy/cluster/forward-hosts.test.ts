import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type Net } from '#base';
import { ForwardHosts, type ForwardAnswer, readForwardSettings } from './forward-hosts.ts';

interface Asked {
  readonly name: string;
  answer(addresses: readonly string[], ttlMs?: number): void;
  fail(): void;
}

function setUp(settings: Partial<ReturnType<typeof readForwardSettings>> = {}) {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  const resolve: Net['resolve'] = (name) =>
    new Promise((give, refuse) => {
      asked.push({
        name,
        answer: (addresses, ttlMs = 1000) => give({ addresses, ttlMs }),
        fail: () => refuse(new Error('ENOTFOUND')),
      });
    });
  const removed: string[] = [];
  const hosts = new ForwardHosts(
    clock,
    { resolve } as Net,
    { ...readForwardSettings(undefined), ...settings },
    (host) => removed.push(host.key),
  );
  return { clock, asked, hosts, removed };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

test('a request waits for the look-up of its name, and later ones do not', async () => {
  const { hosts, asked } = setUp();
  const answers: ForwardAnswer[] = [];
  assert.equal(typeof hosts.find('Api.Example:8080', 80, (a) => answers.push(a)), 'function');
  assert.equal(typeof hosts.find('api.example:8080', 80, (a) => answers.push(a)), 'function');
  assert.deepEqual(
    asked.map((a) => a.name),
    ['api.example'],
    'one look-up for both',
  );
  asked[0]?.answer(['10.0.0.9', 'fd00::1']);
  await settle();
  assert.deepEqual(answers, ['found', 'found']);
  assert.equal(
    hosts.find('api.example:8080', 80, () => {}),
    'found',
  );
  assert.equal(hosts.host('api.example:8080', 80)?.key, '10.0.0.9:8080');
  assert.equal(hosts.host('other.example', 80), undefined);
});

test('a stale answer serves while the name is looked up again, and a moved name drops its host', async () => {
  const { hosts, asked, clock, removed } = setUp();
  hosts.find('a.example', 80, () => {});
  asked[0]?.answer(['10.0.0.1']);
  await settle();
  clock.advance(4999);
  assert.equal(
    hosts.find('a.example', 80, () => {}),
    'found',
  );
  assert.equal(asked.length, 1, 'no sooner than dns_min_refresh_rate');
  clock.advance(1);
  assert.equal(
    hosts.find('a.example', 80, () => {}),
    'found',
  );
  assert.equal(asked.length, 2);
  asked[1]?.answer(['10.0.0.2']);
  await settle();
  assert.equal(hosts.host('a.example', 80)?.key, '10.0.0.2:80');
  assert.deepEqual(removed, ['10.0.0.1:80']);
  clock.advance(5000);
  hosts.find('a.example', 80, () => {});
  asked[2]?.fail();
  await settle();
  assert.equal(hosts.host('a.example', 80)?.key, '10.0.0.2:80', 'a failing look-up keeps the last answer');
});

test('a name without addresses fails, at once the second time, and is asked for again later', async () => {
  const { hosts, asked, clock } = setUp();
  const answers: ForwardAnswer[] = [];
  hosts.find('no.example', 80, (a) => answers.push(a));
  asked[0]?.fail();
  await settle();
  assert.deepEqual(answers, ['failed']);
  assert.equal(
    hosts.find('no.example', 80, () => {}),
    'failed',
  );
  clock.advance(5000);
  assert.equal(typeof hosts.find('no.example', 80, () => {}), 'function');
});

test('names, waiting requests and their time are bounded', async () => {
  const { hosts, asked, clock } = setUp({ maxHosts: 2, maxPending: 1 });
  const answers: ForwardAnswer[] = [];
  const cancel = hosts.find('a.example', 80, (a) => answers.push(a));
  assert.equal(
    hosts.find('b.example', 80, () => {}),
    'overflow',
    'one waits already',
  );
  assert.equal(
    hosts.find('c.example', 80, () => {}),
    'overflow',
    'two names are known already',
  );
  assert.equal(hosts.size, 2);
  (cancel as () => void)();
  assert.equal(
    typeof hosts.find('b.example', 80, (a) => answers.push(a)),
    'function',
    'a request that went away waits no more',
  );
  clock.advance(5000);
  assert.deepEqual(answers, ['failed'], 'dns_query_timeout');
  for (const one of asked) one.answer(['10.0.0.1']);
  await settle();
  clock.advance(300_000);
  assert.equal(typeof hosts.find('c.example', 80, () => {}), 'function', 'unused names make room after host_ttl');
});

test('what is no authority is not looked up', () => {
  const { hosts, asked } = setUp();
  for (const bad of ['', 'a b', 'user@host', 'host:0', 'host:99999', '[::1', 'a/b', 'x'.repeat(300)])
    assert.equal(
      hosts.find(bad, 80, () => {}),
      'failed',
      bad,
    );
  assert.equal(asked.length, 0);
});
