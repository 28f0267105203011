import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE_URL } from '#base';
import type { SecretValue } from '#identity';
import { RemoteSecrets } from './remote-secrets.ts';

const NAME = 'kubernetes://shop';
const removal = { typeUrl: TYPE_URL.secret, version: '', added: [], removed: [NAME] };

test('a secret that never came is an error for whoever asks', () => {
  const secrets = new RemoteSecrets();
  const seen: SecretValue[] = [];
  secrets.subscribe(NAME, (value) => seen.push(value));
  secrets.apply(removal);
  assert.deepEqual(
    seen.map((value) => value.kind),
    ['error'],
  );
});

test('what is asked for is told whenever it changes, and forgotten when nobody asks', () => {
  const secrets = new RemoteSecrets();
  const wants: string[][] = [];
  secrets.onWants = (names) => wants.push([...names]);
  const leave = secrets.subscribe(NAME, () => {});
  secrets.subscribe(NAME, () => {})();
  leave();
  assert.deepEqual(wants, [[NAME], []]);
});

test('what the control plane says of a secret that nobody uses any more is not told to its next user', () => {
  const secrets = new RemoteSecrets();
  const seen: SecretValue[] = [];
  secrets.subscribe(NAME, () => {})();
  secrets.apply(removal);
  secrets.subscribe(NAME, (value) => seen.push(value));
  assert.deepEqual(seen, []);
});
