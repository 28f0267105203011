import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_STREAM_RESET, type Holder, largestHolders, leastHeld } from './held-memory.ts';

const MIB = 2 ** 20;
const holding = (...sizes: readonly number[]): Holder[] => sizes.map((heldBytes) => ({ heldBytes, shed: () => {} }));
const sizes = (all: readonly Holder[]): number[] => all.map(({ heldBytes }) => heldBytes);

describe('which go first', () => {
  test('the largest, until a quarter of what all hold is found', () => {
    assert.deepEqual(sizes(largestHolders(holding(10, 100, 30, 60)).holders), [100]);
    assert.deepEqual(sizes(largestHolders(holding(10, 10, 10, 10, 10, 10, 10, 10)).holders), [10, 10]);
  });

  test('fifty at most', () => {
    assert.equal(largestHolders(holding(...Array.from({ length: 1_000 }, () => 1))).holders.length, 50);
  });

  test('one alone goes, and nobody where nobody holds anything', () => {
    assert.deepEqual(sizes(largestHolders(holding(5)).holders), [5]);
    assert.deepEqual(largestHolders([]), { holders: [], bytes: 0 });
  });
});

describe('what a stream holds at least to be reset', () => {
  test('by default the same at every pressure', () => {
    assert.equal(leastHeld(DEFAULT_STREAM_RESET, 0.9), 16 * 1024, 'while the action ends');
    assert.equal(leastHeld(DEFAULT_STREAM_RESET, 0.99), 16 * 1024);
  });

  test('a class less with every eighth of the way, as in Envoy', () => {
    const reset = { from: 0.8, full: 0.96, leastBytes: MIB };
    assert.equal(leastHeld(reset, 0.79), 128 * MIB);
    assert.equal(leastHeld(reset, 0.81), 128 * MIB);
    assert.equal(leastHeld(reset, 0.83), 64 * MIB);
    assert.equal(leastHeld(reset, 0.95), MIB);
    assert.equal(leastHeld(reset, 0.96), MIB);
    assert.equal(leastHeld(reset, 2), MIB);
  });
});
