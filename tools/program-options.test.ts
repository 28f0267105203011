import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openingComment, readOptions, usage } from './program-options.ts';

const ASKED = {
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    json: { type: 'string' },
    build: { type: 'string', multiple: true },
    save: { type: 'boolean', default: false },
  },
} as const;

test('usage names defaults, and options by themselves where there is none', () => {
  assert.equal(
    usage('bench/one.ts', ASKED),
    'usage: node bench/one.ts [NAME…] [--rounds 10] [--json JSON] [--build BUILD]… [--save]',
  );
});

test('what was given is read, with defaults', () => {
  const read = readOptions(ASKED, ['word', '--save', '--build', 'a', '--build=b']);
  assert.ok(read.kind === 'given');
  assert.deepEqual({ ...read.given.values }, { rounds: '10', build: ['a', 'b'], save: true });
  assert.deepEqual(read.given.positionals, ['word']);
});

test('--help goes before all else; what is unknown or lacks its value is named', () => {
  assert.deepEqual(readOptions(ASKED, ['--nonsense', '--help']), { kind: 'help' });
  for (const [args, problem] of [
    [['--nonsense'], /--nonsense/],
    [['--json'], /--json/],
  ] as const) {
    const read = readOptions(ASKED, args);
    assert.match(read.kind === 'wrong' ? read.problem : '', problem);
  }
  assert.match(JSON.stringify(readOptions({ options: {} }, ['word'])), /word/);
});

test('the opening comment is what stands before the first line of code', () => {
  assert.equal(openingComment('// One.\n//\n//   two\nimport x;\n// Three.'), 'One.\n\n  two');
});
