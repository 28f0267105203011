import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressOf, common, halved, readRange } from './address-range.ts';

const text = (range: ReturnType<typeof readRange>): string | undefined =>
  range === undefined ? undefined : `${addressOf(range)}/${range.length}`;
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((one) => !one.includes('.')),
);

describe('ranges of addresses', () => {
  it('are written without what lies outside of the prefix', () => {
    assert.equal(text(readRange('10.9.8.7/16')), '10.9.0.0/16');
    assert.equal(text(readRange('10.9.8.7')), '10.9.8.7/32');
    assert.equal(text(readRange('FD00:0:0:1::5/64')), 'fd00:0:0:1::/64');
    assert.equal(text(readRange('0.0.0.0/0')), '0.0.0.0/0');
    assert.equal(text(readRange('::/0')), '::/0');
    for (const bad of ['', 'a.example', '10.0.0.0/33', '::/129', '10.0.0', '1::2::3/8'])
      assert.equal(readRange(bad), undefined);
  });

  it('share the narrower one, or nothing', () => {
    const shared = (a: string, b: string) => {
      const [one, other] = [readRange(a), readRange(b)];
      assert.ok(one !== undefined && other !== undefined);
      assert.deepEqual(common(one, other), common(other, one));
      return text(common(one, other));
    };
    assert.equal(shared('10.0.0.0/8', '10.9.0.0/16'), '10.9.0.0/16');
    assert.equal(shared('10.8.0.0/16', '10.9.0.0/16'), undefined);
    assert.equal(shared('10.9.0.1', '0.0.0.0/0'), '10.9.0.1/32');
    assert.equal(shared('::/0', '0.0.0.0/0'), undefined);
    assert.equal(shared('fd00::/8', 'fd00:1::/32'), 'fd00:1::/32');
  });

  it('that are everything are two halves', () => {
    const halves = (one: string) => halved(readRange(one) ?? assert.fail()).map(text);
    assert.deepEqual(halves('0.0.0.0/0'), ['0.0.0.0/1', '128.0.0.0/1']);
    assert.deepEqual(halves('::/0'), ['::/1', '8000::/1']);
    assert.deepEqual(halves('128.0.0.0/1'), ['128.0.0.0/1']);
  });

  it('hold the address that they were made of, at any length', () => {
    fc.assert(
      fc.property(address, fc.nat(128), (one, length) => {
        const whole = readRange(one);
        assert.ok(whole !== undefined);
        const range = readRange(`${one}/${Math.min(length, whole.length)}`);
        assert.ok(range !== undefined);
        assert.deepEqual(common(range, whole), whole);
        assert.deepEqual(readRange(`${addressOf(range)}/${range.length}`), range);
      }),
    );
  });
});
