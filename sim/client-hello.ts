// A ClientHello with server name and protocols, so that a proxy's TLS inspector reads what it would read on a wire.

export function clientHello(sni: string, alpn: readonly string[]): Buffer {
  const names = alpn.map((name) => prefixed(1, Buffer.from(name, 'latin1')));
  const extensions = [
    ...(sni === '' ? [] : [extension(0, prefixed(2, Buffer.concat([Buffer.of(0), prefixed(2, Buffer.from(sni))])))]),
    ...(names.length === 0 ? [] : [extension(16, prefixed(2, Buffer.concat(names)))]),
  ];
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    prefixed(2, Buffer.of(0x13, 0x01)),
    Buffer.of(1, 0),
    prefixed(2, Buffer.concat(extensions)),
  ]);
  const handshake = Buffer.concat([Buffer.of(1), prefixed(3, body)]);
  return Buffer.concat([Buffer.of(22, 3, 1), prefixed(2, handshake)]);
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 255), prefixed(2, body)]);
}

function prefixed(bytes: 1 | 2 | 3, body: Buffer): Buffer {
  const length = Buffer.alloc(bytes);
  length.writeUIntBE(body.length, 0, bytes);
  return Buffer.concat([length, body]);
}
