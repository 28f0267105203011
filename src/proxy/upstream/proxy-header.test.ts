import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readProxyHeader } from '../listener/proxy-protocol.ts';
import { type ClientAddresses, writeProxyHeader } from './proxy-header.ts';

const client = (remoteAddress: string, localAddress: string): ClientAddresses => ({
  remoteAddress,
  remotePort: 1000,
  localAddress,
  localPort: 443,
});

test('version 1 is a line of text', () => {
  assert.equal(writeProxyHeader(1, client('1.2.3.4', '5.6.7.8')).toString(), 'PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n');
  assert.equal(
    writeProxyHeader(1, client('fd00::1', '5.6.7.8')).toString(),
    'PROXY TCP6 fd00:0:0:0:0:0:0:1 0:0:0:0:0:ffff:506:708 1000 443\r\n',
  );
});

test('version 2 is binary', () => {
  assert.equal(
    writeProxyHeader(2, client('1.2.3.4', '::ffff:5.6.7.8')).toString('hex'),
    `0d0a0d0a000d0a515549540a2111000c0102030405060708${'03e801bb'}`,
  );
});

test('without a client, or with one behind a Unix socket, the proxy speaks for itself', () => {
  for (const nobody of [undefined, client('', ''), client('@app', '1.2.3.4')]) {
    assert.equal(writeProxyHeader(1, nobody).toString(), 'PROXY UNKNOWN\r\n');
    assert.equal(writeProxyHeader(2, nobody).toString('hex'), '0d0a0d0a000d0a515549540a20000000');
  }
});

test('what is written is read again as the same two ends', () => {
  const v4 = fc.ipV4();
  const v6 = fc.tuple(fc.integer({ min: 1, max: 0xfffe }), fc.integer({ min: 1, max: 0xffff }));
  const ip = fc.oneof(
    v4,
    v6.map(([first, last]) => `${first.toString(16)}::${last.toString(16)}`),
  );
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(
      ip,
      ip,
      port,
      port,
      fc.constantFrom(1 as const, 2 as const),
      (remoteAddress, localAddress, remotePort, localPort, version) => {
        const bytes = writeProxyHeader(version, { remoteAddress, remotePort, localAddress, localPort });
        const read = readProxyHeader(bytes);
        assert.equal(read.kind, 'header');
        if (read.kind !== 'header') return;
        assert.equal(read.length, bytes.length);
        assert.equal(read.version, version);
        assert.equal(read.addresses?.source.port, remotePort);
        assert.equal(read.addresses?.destination.port, localPort);
        const mixed = remoteAddress.includes(':') !== localAddress.includes(':');
        if (mixed) return;
        // Written out in full on one side, shortened on the other: as URLs they are the same.
        const same = (text = ''): string => new URL(text.includes(':') ? `http://[${text}]` : `http://${text}`).host;
        assert.equal(same(read.addresses?.source.address), same(remoteAddress));
        assert.equal(same(read.addresses?.destination.address), same(localAddress));
      },
    ),
  );
});
