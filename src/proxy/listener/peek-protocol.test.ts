// What the first bytes of a connection are taken for: HTTP wherever our codec would read a request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peekProtocol } from './peek-protocol.ts';

/** The protocol, `tcp`, or `more` bytes that are needed. */
function taken(text: string): string {
  const peeked = peekProtocol(Buffer.from(text, 'latin1'), { tls: false, http: true });
  if (peeked === undefined) return 'more';
  return peeked === 'malformed' ? peeked : (peeked.applicationProtocols[0] ?? 'tcp');
}

const CASES: readonly (readonly [string, string])[] = [
  ['GET / HTTP/1.1\r\n', 'http/1.1'],
  ['GET / HTTP/1.0\r\n', 'http/1.0'],
  ['PRI * HTTP/2.0\r\n', 'h2c'],
  ['\r\nGET / HTTP/1.1\r\n', 'http/1.1'],
  ['\r\n\r\nGET / HTTP/1.1\r\n', 'http/1.1'],
  ['\r\n\r\n\r\nGET / HTTP/1.1\r\n', 'tcp'],
  ['M-SEARCH2 / HTTP/1.1\r\n', 'http/1.1'],
  ['7 / HTTP/1.1\r\n', 'http/1.1'],
  [`${'A'.repeat(40)} / HTTP/1.1\r\n`, 'http/1.1'],
  ['\r\n\r', 'more'],
  ['\rGET / HTTP/1.1\r\n', 'tcp'],
  ['\0\0\r\n', 'tcp'],
  ['HELO a\r\n', 'tcp'],
  ['', 'more'],
  ['\r', 'more'],
  ['\r\n', 'more'],
  ['\r\n\r\n', 'more'],
  ['GET /', 'more'],
  ['GE', 'more'],
];

for (const [text, expected] of CASES)
  test(`${JSON.stringify(text.slice(0, 60))} is ${expected}`, () => assert.equal(taken(text), expected));
