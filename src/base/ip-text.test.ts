import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalIp } from './ip-text.ts';

test('one address has one text', () => {
  for (const text of ['fd00:0:0:0:0:0:0:1', 'FD00::1', 'fd00::0001', 'fd00:0::0:1'])
    assert.equal(canonicalIp(text), 'fd00::1');
  assert.equal(canonicalIp('0:0:0:0:0:0:0:0'), '::');
  assert.equal(canonicalIp('0:0:0:0:0:0:0:6'), '::6');
  assert.equal(canonicalIp('2001:db8:0:1:1:1:1:1'), '2001:db8:0:1:1:1:1:1');
  assert.equal(canonicalIp('2001:0:0:1:0:0:0:1'), '2001:0:0:1::1');
});

test('what is no IPv6 address stays as it is', () => {
  for (const text of ['10.0.0.1', '', 'fd00::1::2', ':::', '1:2:3', 'g::1', '::ffff:1.2.3.4', '/run/x:1'])
    assert.equal(canonicalIp(text), text);
});

test('it says the same as the system', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      if (text.includes('.')) return;
      assert.equal(`[${canonicalIp(text)}]`, new URL(`http://[${text}]/`).hostname);
    }),
  );
});
