// Requests are remembered by kind, each once, bounded, and forgotten; denials name their rule.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import { StreamRecord, tapRecord, UNKNOWN_PEER } from '#telemetry';
import { RecentRequests } from './recent-requests.ts';
import { deniedOf } from './what-if-routes.ts';

function remembering(perSecond = 2) {
  const clock = new FakeClock();
  const takers: ((json: string) => void)[] = [];
  const recent = new RecentRequests({ listen: (_filter, take) => (takers.push(take), () => {}) }, clock, perSecond);
  const tell = (fields: Partial<StreamRecord>, through = 0): void => {
    const record = Object.assign(new StreamRecord(), { method: 'GET', path: '/', responseCode: 200, ...fields });
    takers[through]?.(JSON.stringify(tapRecord(record, true, { ...UNKNOWN_PEER, workload: 'a', namespace: 'd' })));
  };
  return { clock, recent, tell, takers };
}

test('requests alike are one kind with a count, and its latest ids', () => {
  const { recent, tell } = remembering();
  for (let i = 0; i < 8; i++) tell({ requestId: `id-${i}`, startWallMs: i });
  tell({ requestId: 'other', path: '/b' });
  const [first, second] = recent.list();
  assert.deepEqual([first?.count, first?.last.path, first?.ids.length], [8, '/', 5]);
  assert.deepEqual([second?.count, second?.last.path], [1, '/b']);
});

test('a request that comes through two subscriptions counts once', () => {
  const { recent, tell } = remembering();
  tell({ requestId: 'x', responseCode: 403 }, 0);
  tell({ requestId: 'x', responseCode: 403 }, 2);
  assert.equal(recent.list()[0]?.count, 1);
});

test('a quarter of an hour later nothing is known', () => {
  const { clock, recent, tell } = remembering();
  tell({ requestId: 'x' });
  clock.advance(16 * 60_000);
  assert.deepEqual(recent.list(), []);
});

test('10,000 different paths, and any number a second, stay within bounds', () => {
  const { clock, recent, tell } = remembering();
  for (let i = 0; i < 10_000; i++) {
    if (i % 400 === 0) clock.advance(1_000);
    tell({ requestId: `${i}`, path: `/${i}` });
  }
  assert.equal(recent.list().length, 4_000);
  clock.advance(1_000);
  for (let i = 0; i < 2_000; i++) tell({ requestId: `s${i}`, path: '/same' });
  assert.equal(recent.list()[0]?.count, 500);
});

test('with none a second nobody is asked', () => {
  assert.equal(remembering(0).takers.length, 0);
});

test('a denial names its policy and rule, or says that no rule allowed', () => {
  const { recent, tell } = remembering();
  const details = (policy: string): string => `rbac_access_denied_matched_policy[${policy}]`;
  tell({ responseCode: 403, responseCodeDetails: details('ns[shop]-policy[no-admin]-rule[1]') });
  tell({ responseCode: 403, responseCodeDetails: details('none'), path: '/x' });
  tell({ responseCode: 200, path: '/y' });
  const denied = deniedOf(recent.list());
  assert.deepEqual(
    denied.map((one) => one.rule),
    [{ namespace: 'shop', name: 'no-admin', rule: 1 }, undefined],
  );
  assert.match(denied[1]?.words ?? '', /no ALLOW rule matched/);
});
