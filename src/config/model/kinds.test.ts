import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from './duration.ts';
import { findKind } from './kinds.ts';

describe('a kind', () => {
  it('is found by short name, plural, name and full name', () => {
    for (const word of ['vs', 'virtualservices', 'VirtualService', 'virtualservices.networking.istio.io'])
      assert.equal(findKind(word), 'VirtualService');
    assert.equal(findKind('svc'), 'Service');
    assert.equal(findKind('nothing'), undefined);
  });
});

describe('a duration', () => {
  const cases = [
    ['5s', 5000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['100ms', 100],
    ['.5s', 500],
    ['0', 0],
    ['-1s', -1000],
    ['1m0.5s', 60_500],
  ] as const;
  for (const [text, ms] of cases) it(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
  for (const text of ['', '5', 's', '5 s', '1d', '1s2', 'NaN', `${'1s'.repeat(40)}`])
    it(`"${text.slice(0, 9)}" is none`, () => assert.equal(parseDuration(text), undefined));
});
