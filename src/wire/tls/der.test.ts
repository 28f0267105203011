import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { integerBytes, readBitString, readBoolean, readDer, readOid, readTime } from './der.ts';
import { bitString, integer, oid, time } from './der-writer.ts';
import { TlsBytesError } from './errors.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

const refused: readonly (readonly [string, string, string, (hex: string) => unknown])[] = [
  ['an indefinite length', '30 80 00 00', 'der_not_canonical', (hex) => readDer(bytes(hex))],
  ['a long form where the short one fits', '04 81 01 00', 'der_not_canonical', (hex) => readDer(bytes(hex))],
  ['a length with leading zeros', '04 82 00 80', 'der_not_canonical', (hex) => readDer(bytes(hex))],
  ['a length past the end', '04 05 00', 'der_truncated', (hex) => readDer(bytes(hex))],
  ['a length of five bytes', '04 85 01 00 00 00 00', 'der_too_large', (hex) => readDer(bytes(hex))],
  ['a tag number over 30', '1f 81 00 00', 'der_not_canonical', (hex) => readDer(bytes(hex))],
  ['bytes after the element', '05 00 00', 'der_trailing', (hex) => readDer(bytes(hex))],
  [
    'an integer with a needless zero',
    '02 02 00 01',
    'der_not_canonical',
    (hex) => integerBytes(readDer(bytes(hex)), ''),
  ],
  ['an integer with needless ones', '02 02 ff 80', 'der_not_canonical', (hex) => integerBytes(readDer(bytes(hex)), '')],
  ['an empty integer', '02 00', 'der_not_canonical', (hex) => integerBytes(readDer(bytes(hex)), '')],
  ['a boolean other than 00 and ff', '01 01 01', 'der_not_canonical', (hex) => readBoolean(readDer(bytes(hex)), '')],
  [
    'a bit string with set padding',
    '03 02 01 01',
    'der_not_canonical',
    (hex) => readBitString(readDer(bytes(hex)), ''),
  ],
  ['an object identifier with padding', '06 03 2a 80 01', 'der_bad_oid', (hex) => readOid(readDer(bytes(hex)), '')],
  ['an object identifier that does not end', '06 02 2a 81', 'der_bad_oid', (hex) => readOid(readDer(bytes(hex)), '')],
];
for (const [what, hex, code, read] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => read(hex),
      (error) => error instanceof TlsBytesError && error.code === code,
    );
  });
}

test('what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1950-01-01'), max: new Date('9999-12-31T23:59:58Z'), noInvalidDate: true }),
      (date) => {
        assert.equal(readTime(readDer(time(date.getTime())), ''), Math.floor(date.getTime() / 1000) * 1000);
      },
    ),
  );
  const arcs = fc.tuple(fc.constantFrom('0', '1', '2'), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 }));
  fc.assert(
    fc.property(arcs, ([first, second, rest]) => {
      const dotted = [first, second, ...rest].join('.');
      assert.equal(readOid(readDer(oid(dotted)), ''), dotted);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (value) => {
      assert.equal(
        BigInt(`0x${Buffer.from(integerBytes(readDer(integer(value)), '')).toString('hex')}`),
        BigInt(`0x${Buffer.from(value).toString('hex')}`),
      );
      assert.deepEqual(Buffer.from(readBitString(readDer(bitString(value)), '').bits), Buffer.from(value));
    }),
  );
});

test('times that do not exist or lack seconds are refused', () => {
  for (const text of ['250230000000Z', '251301000000Z', '250101240000Z', '2501010000Z', '250101000000+0100']) {
    const der = Buffer.concat([Uint8Array.of(0x17, text.length), Buffer.from(text)]);
    assert.throws(() => readTime(readDer(der), ''), TlsBytesError, text);
  }
});
