import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { knownWords } from './known-words.ts';

test('--help hides no unknown command, and start leads to the demo', () => {
  const program = new Command('topsail');
  program.command('status').alias('s');
  for (const words of [['--help'], ['help', 'status'], ['status', '--help'], ['s', '-h'], []])
    assert.deepEqual(knownWords(program, words), words);
  assert.deepEqual(knownWords(program, ['stauts', '--help']), ['stauts']);
  assert.throws(() => knownWords(program, ['start', '--help']), /"npm start" in a checkout/);
});
