// A pod hears of new roots and of a revocation list as the kubelet writes them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import type { TrustNews } from './agent-identity.ts';
import { PodTokens } from './pod-tokens.ts';

test('a list alone leaves the roots as they are; new roots bring the list with them; a list that is gone is none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-pod-tokens-'));
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const clock = new FakeClock();
  const tokens = new PodTokens({
    clock,
    log: silentLogger,
    tokenFile: join(folder, 'istio-token'),
    rootsFile: join(folder, 'root-cert.pem'),
    listFile: join(folder, 'ca-crl.pem'),
    boundFile: join(folder, 'trust-domains.json'),
    trustDomain: 'cluster.local',
  });
  t.after(() => (tokens.close(), rmSync(folder, { recursive: true })));
  put('istio-token', 'a token\n');
  put('root-cert.pem', 'first');
  put('ca-crl.pem', 'one');
  await tokens.start();
  assert.equal(tokens.answer.token, 'a token');
  const heard: TrustNews[] = [];
  tokens.onTrust((news) => heard.push(news));
  const later = async (count: number): Promise<void> => {
    for (let i = 0; heard.length < count && i < 2000; i++) {
      clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  put('root-cert.pem', 'second');
  await later(2);
  rmSync(join(folder, 'ca-crl.pem'));
  await later(3);
  const bound = [{ trustDomain: 'partner.example', rootsPem: 'theirs' }];
  put('trust-domains.json', JSON.stringify(bound));
  await later(4);
  assert.deepEqual(heard, [
    { crlPem: 'one' },
    { rootsPem: 'second', crlPem: 'one' },
    { crlPem: '' },
    { crlPem: '', bound },
  ]);
});
