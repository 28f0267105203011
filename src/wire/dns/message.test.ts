import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DNS_TYPE,
  DnsError,
  type DnsMessage,
  type DnsRecord,
  ipv4Bytes,
  ipv6Bytes,
  parseDns,
  readName,
  repliesTo,
  udpSize,
  writeDns,
  writeName,
} from './index.ts';

const PLAIN = { noNullPrototype: true };
const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 0, maxLength: 6 }).map((labels) => labels.join('.'));
const u16 = fc.integer({ min: 0, max: 0xffff });
const record: fc.Arbitrary<DnsRecord> = fc.record(
  {
    name,
    type: fc.constantFrom(16, 33, DNS_TYPE.OPT),
    class: u16,
    ttl: fc.integer({ min: 0, max: 0xffff_ffff }),
    data: fc.uint8Array({ maxLength: 40 }),
  },
  PLAIN,
);
const message: fc.Arbitrary<DnsMessage> = fc.record(
  {
    id: u16,
    response: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    code: fc.integer({ min: 0, max: 15 }),
    question: fc.record({ name, type: u16, class: u16 }, PLAIN),
    answers: fc.array(record, { maxLength: 4 }),
    authorities: fc.array(record, { maxLength: 2 }),
    additionals: fc.array(record, { maxLength: 2 }),
  },
  PLAIN,
);

test('what is written reads as it was', () => {
  fc.assert(fc.property(message, (m) => assert.deepEqual(parseDns(writeDns(m)), m)));
});

test('any bytes give a message or a DnsError, and quickly', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      try {
        parseDns(bytes);
      } catch (error) {
        assert.ok(error instanceof DnsError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('a message with some bytes changed gives a message that can be written, or a DnsError', () => {
  const changes = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(message, changes, (m, edits) => {
      const bytes = writeDns(m);
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      try {
        const again = parseDns(bytes);
        assert.deepEqual(parseDns(writeDns(again)), again);
      } catch (error) {
        assert.ok(error instanceof DnsError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('names of any bytes survive as text', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 }), (labels) => {
      const bytes = Uint8Array.from([...labels.flatMap((l) => [l.length, ...l]), 0]);
      const { text, end } = readName(bytes, 0);
      assert.equal(end, bytes.length);
      assert.equal(readName(writeName(text), 0).text, text);
    }),
  );
});

test('pointers only lead backwards', () => {
  const loop = Uint8Array.of(0xc0, 0);
  assert.throws(() => readName(loop, 0), { code: 'dns_pointer' });
  const forward = Uint8Array.of(0xc0, 2, 1, 0x61, 0);
  assert.throws(() => readName(forward, 0), { code: 'dns_pointer' });
  // "a" at 0, then "b" followed by a pointer to it.
  const back = Uint8Array.of(1, 0x61, 0, 1, 0x42, 0xc0, 0);
  assert.deepEqual(readName(back, 3), { text: 'b.a', end: 7 });
});

test('names and labels have their limits', () => {
  assert.throws(() => writeName('a'.repeat(64)), { code: 'dns_label' });
  assert.throws(() => writeName(Array(5).fill('a'.repeat(60)).join('.')), { code: 'dns_name_too_long' });
  assert.throws(() => writeName('a..b'), { code: 'dns_label' });
});

test('a reply belongs to its query only with the same id and question', () => {
  const query: DnsMessage = {
    id: 7,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    code: 0,
    question: { name: 'a.b', type: 1, class: 1 },
    answers: [],
    authorities: [],
    additionals: [],
  };
  assert.ok(repliesTo(query, { ...query, response: true }));
  assert.ok(!repliesTo(query, { ...query, response: true, id: 8 }));
  assert.ok(!repliesTo(query, { ...query, response: true, question: { name: 'a.c', type: 1, class: 1 } }));
  assert.ok(!repliesTo(query, query));
  assert.equal(udpSize(query), 512);
  assert.equal(
    udpSize({ ...query, additionals: [{ name: '', type: DNS_TYPE.OPT, class: 4096, ttl: 0, data: new Uint8Array() }] }),
    1232,
  );
});

test('addresses are read from their usual texts', () => {
  assert.deepEqual(ipv4Bytes('240.240.0.1'), Uint8Array.of(240, 240, 0, 1));
  assert.equal(ipv4Bytes('1.2.3'), undefined);
  assert.equal(ipv4Bytes('1.2.3.256'), undefined);
  assert.deepEqual(ipv6Bytes('2001:2::1'), Uint8Array.of(0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
  assert.deepEqual(ipv6Bytes('::'), new Uint8Array(16));
  assert.equal(ipv6Bytes('1::2::3'), undefined);
});
