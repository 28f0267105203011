import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provideRounds } from '#base';
import { connectLater, mayConnectNow } from './connect-pace.ts';

test('a few connections begin in a round, and pools that need more take turns', () => {
  const rounds: (() => void)[] = [];
  const before = provideRounds({ next: (run) => rounds.push(run), now: () => 0 });
  try {
    let atOnce = 0;
    while (mayConnectNow()) atOnce++;
    assert.ok(atOnce >= 4 && atOnce <= 64, `${atOnce} at once`);
    const begun = { many: 0, one: 0 };
    connectLater(() => ++begun.many < 1000);
    connectLater(() => ++begun.one < 1);
    assert.deepEqual(begun, { many: 0, one: 0 });
    rounds.shift()?.();
    assert.deepEqual(begun, { many: atOnce - 1, one: 1 });
    // A newcomer is behind those who wait.
    assert.equal(mayConnectNow(), false);
    for (let run = rounds.shift(); run !== undefined; run = rounds.shift()) run();
    assert.equal(begun.many, 1000);
    assert.equal(mayConnectNow(), true);
  } finally {
    for (let run = rounds.shift(); run !== undefined; run = rounds.shift()) run();
    provideRounds(before);
  }
});
