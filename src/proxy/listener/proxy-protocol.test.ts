import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readProxyHeader } from './proxy-protocol.ts';

const v1 = (line: string): Buffer => Buffer.from(`${line}\r\nGET /`, 'latin1');
const v2 = (hex: string): Buffer => Buffer.from(`0d0a0d0a000d0a515549540a${hex}`, 'hex');

test('version 1 names both ends', () => {
  assert.deepEqual(readProxyHeader(v1('PROXY TCP4 1.2.3.4 5.6.7.8 1000 443')), {
    kind: 'header',
    length: 37,
    version: 1,
    addresses: { source: { address: '1.2.3.4', port: 1000 }, destination: { address: '5.6.7.8', port: 443 } },
    tlvs: [],
  });
  assert.equal(readProxyHeader(v1('PROXY TCP6 fd00::1 ::1 1 2')).kind, 'header');
  assert.deepEqual(readProxyHeader(v1('PROXY UNKNOWN ffff:: x')), {
    kind: 'header',
    length: 24,
    version: 1,
    addresses: undefined,
    tlvs: [],
  });
});

test('version 2 names both ends, of either family', () => {
  assert.deepEqual(readProxyHeader(v2('2111000c0102030405060708' + '03e801bb')), {
    kind: 'header',
    length: 28,
    version: 2,
    addresses: { source: { address: '1.2.3.4', port: 1000 }, destination: { address: '5.6.7.8', port: 443 } },
    tlvs: [],
  });
  const six = readProxyHeader(v2(`21210024fd${'00'.repeat(14)}01${'00'.repeat(15)}0103e801bb`));
  assert.deepEqual(six.kind === 'header' ? six.addresses?.source : six, { address: 'fd00::1', port: 1000 });
  assert.deepEqual(
    readProxyHeader(v2('20000000')),
    { kind: 'header', length: 16, version: 2, addresses: undefined, tlvs: [] },
    'LOCAL',
  );
});

test('nonsense is malformed, other bytes are no header, and half of one waits', () => {
  for (const line of [
    'PROXY TCP4 1.2.3 5.6.7.8 1 2',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 99999',
    'PROXY TCP4 1.2.3.4  5.6.7.8 1 2',
    'PROXY UDP4 1.2.3.4 5.6.7.8 1 2',
    'PROXY TCP6 1.2.3.4 ::1 1 2',
  ])
    assert.equal(readProxyHeader(v1(line)).kind, 'malformed', line);
  assert.equal(readProxyHeader(Buffer.from(`PROXY ${'x'.repeat(200)}`)).kind, 'malformed');
  for (const hex of ['3111000c010203040506070803e801bb', '2112000c010203040506070803e801bb', '2111000401020304'])
    assert.equal(readProxyHeader(v2(hex)).kind, 'malformed', hex);
  assert.equal(readProxyHeader(Buffer.from('GET / HTTP/1.1')).kind, 'absent');
  for (const whole of [
    v1('PROXY TCP4 1.2.3.4 5.6.7.8 1000 443').subarray(0, 37),
    v2('2111000c010203040506070803e801bb'),
  ]) {
    for (let i = 0; i < whole.length; i++)
      assert.equal(readProxyHeader(whole.subarray(0, i)).kind, 'incomplete', String(i));
  }
});

test('whatever comes, it never throws and never reads past what is there', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n!'),
      fc.uint8Array({ maxLength: 80 }),
      (start, rest) => {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), rest]);
        const read = readProxyHeader(bytes);
        assert.ok(read.kind !== 'header' || read.length <= bytes.length);
      },
    ),
  );
});

test('type-length-values stand behind the addresses of version 2', () => {
  const read = readProxyHeader(v2('211100150102030405060708' + '03e801bb' + 'ea0003' + '616263' + '040000'));
  assert.deepEqual(read.kind === 'header' && read.tlvs.map(({ type, value }) => [type, value.toString()]), [
    [0xea, 'abc'],
    [4, ''],
  ]);
  assert.equal(readProxyHeader(v2('211100110102030405060708' + '03e801bb' + 'ea00036162')).kind, 'malformed');
  assert.equal(readProxyHeader(v2('2111000e0102030405060708' + '03e801bb' + 'ea00')).kind, 'malformed');
});

test('a version that is not looked for is what the client says', () => {
  assert.equal(readProxyHeader(v1('PROXY TCP4 1.2.3.4 5.6.7.8 1000 443'), new Set([1])).kind, 'absent');
  assert.equal(readProxyHeader(v2('20000000'), new Set([2])).kind, 'absent');
  assert.equal(readProxyHeader(v2('20000000'), new Set([1])).kind, 'header');
});
