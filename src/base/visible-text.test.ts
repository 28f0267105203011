import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { visibleBeyondAscii, visibleText } from './visible-text.ts';

test('what ends a line, moves a cursor or turns the direction shows as its escape', () => {
  assert.equal(visibleText('a\r\nb\u001b[2J\u009b2J\u202eend'), 'a\\u000d\\u000ab\\u001b[2J\\u009b2J\\u202eend');
  assert.equal(visibleText('Grüße\t→ 東京 🚢'), 'Grüße\t→ 東京 🚢');
  assert.equal(visibleBeyondAscii('a\u009bb\n'), 'a\\u009bb\n');
});

test('whatever comes, one line of printable text goes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      assert.doesNotMatch(visibleText(text), /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e]/);
    }),
  );
});
