import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transportWords } from './http-pool.ts';

test('a name in an endpoint’s certificate neither ends a line of a log nor talks to a terminal', () => {
  const message = 'peer_san_mismatch: CN=a\nb\u009b2J\u202e';
  assert.equal(
    transportWords({ kind: 'tls', code: 'peer_san_mismatch', message }),
    'TLS_error: peer_san_mismatch: CN=a\\u000ab\\u009b2J\\u202e',
  );
});
