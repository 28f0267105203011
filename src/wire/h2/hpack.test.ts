// HPACK against RFC 7541's examples in its appendix C, against itself, and against broken input.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionError } from './errors.ts';
import { HpackDecoder } from './hpack-decode.ts';
import { HpackEncoder } from './hpack-encode.ts';
import { decodeHuffman, encodeHuffman } from './huffman.ts';

const LIMITS = { bytesMax: 65536, countMax: 200 };

function decode(decoder: HpackDecoder, hex: string): string[] {
  const out: string[] = [];
  assert.equal(decoder.decode(Buffer.from(hex, 'hex'), out, LIMITS), 'ok');
  return out;
}

test('decodes the request examples of RFC 7541 C.3 with one dynamic table', () => {
  const d = new HpackDecoder();
  assert.deepEqual(decode(d, '828684410f7777772e6578616d706c652e636f6d'), [
    ':method',
    'GET',
    ':scheme',
    'http',
    ':path',
    '/',
    ':authority',
    'www.example.com',
  ]);
  assert.deepEqual(decode(d, '828684be58086e6f2d6361636865').slice(6), [
    ':authority',
    'www.example.com',
    'cache-control',
    'no-cache',
  ]);
  assert.deepEqual(decode(d, '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565').slice(6), [
    ':authority',
    'www.example.com',
    'custom-key',
    'custom-value',
  ]);
});

test('decodes the Huffman examples of RFC 7541 C.4', () => {
  const d = new HpackDecoder();
  assert.equal(decode(d, '828684418cf1e3c2e5f23a6ba0ab90f4ff')[7], 'www.example.com');
  assert.equal(decode(d, '828684be5886a8eb10649cbf')[9], 'no-cache');
});

test('decodes the response examples of RFC 7541 C.6 with eviction at 256 bytes', () => {
  const d = new HpackDecoder(256);
  assert.equal(
    decode(
      d,
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
    )[1],
    '302',
  );
  assert.equal(decode(d, '4883640effc1c0bf')[1], '307');
  const third = decode(
    d,
    '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  );
  assert.equal(third[1], '200');
  assert.equal(third.at(-1), 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1');
});

test('every latin1 text survives the Huffman code', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 })), (codes) => {
      const text = String.fromCharCode(...codes);
      const bytes = encodeHuffman(text);
      assert.equal(decodeHuffman(bytes, 0, bytes.length), text);
    }),
  );
});

test('padding over seven bits, padding with zeros and EOS are refused (RFC 7541 §5.2)', () => {
  assert.equal(decodeHuffman(Buffer.from([0xff]), 0, 1), undefined);
  assert.equal(decodeHuffman(Buffer.from('ffffffff', 'hex'), 0, 4), undefined);
  assert.equal(decodeHuffman(Buffer.from([0x00 | 0b00000_000]), 0, 1), undefined);
});

test('what the encoder writes the decoder reads, block after block, through any table size', () => {
  const name = fc.constantFrom(':status', 'content-type', 'x-a', 'x-b', 'authorization', ':path', 'x-request-id');
  const field = fc.tuple(name, fc.string({ maxLength: 40, unit: 'grapheme-ascii' }));
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 3 }), fc.array(field, { maxLength: 12 })),
        { maxLength: 12 },
      ),
      (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder();
        for (const [sizes, fields] of blocks) {
          for (const size of sizes) encoder.setCapacity(size);
          const out = Buffer.alloc(8192);
          let at = encoder.begin(out, 0);
          for (const [n, v] of fields) at = encoder.field(out, at, n, v);
          const got: string[] = [];
          decoder.decode(out.subarray(0, at), got, LIMITS);
          assert.deepEqual(got, fields.flat());
        }
      },
    ),
  );
});

test('random bytes never do anything but decode or raise a connection error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new HpackDecoder().decode(Buffer.from(bytes), [], LIMITS);
      } catch (error) {
        assert.ok(error instanceof ConnectionError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a bomb of references is counted, not kept', () => {
  const d = new HpackDecoder();
  const big = 'v'.repeat(3900);
  const block = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xbd, 0x1d]), Buffer.from(big)]);
  d.decode(block, [], LIMITS);
  const out: string[] = [];
  const verdict = d.decode(Buffer.alloc(1000, 0xbe), out, LIMITS);
  assert.equal(verdict, 'too-large');
  assert.ok(out.length <= 2 * LIMITS.countMax);
});

test('a list of far too many fields ends the connection before all are decoded', () => {
  const decoder = new HpackDecoder();
  const fields = (count: number): string[] => {
    const out: string[] = [];
    decoder.decode(Buffer.alloc(count, 0x82), out, LIMITS);
    return out;
  };
  assert.equal(fields(1_000).length, 2 * LIMITS.countMax);
  assert.throws(() => fields(2_000), { violation: 'header_overflow', code: 11 });
});
