// Remote key sets: from a policy's jwksUri or issuer over the safe client into the next snapshot, and into the proxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Logger, silentLogger } from '#base';
import { type ConfigView, parseText, viewOf } from '#config';
import { SystemClock } from '#io';
import { Pusher } from '#push';
import { DiscoveryKeySets } from '../../../src/main/discovery-key-sets.ts';
import { fetchText, startApp } from './proxy-fixture.ts';
import { runInbound } from './security-fixture.ts';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const viewOfText = (text: string): ConfigView =>
  viewOf(parseText('t.yaml', text, { defaultNamespace: 'shop', createdMs: 1 }).flatMap(({ object }) => object ?? []));

async function fetched(text: string, allow: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const view = viewOfText(text);
  const pusher = new Pusher({ clock, domain: 'cluster.local', cluster: 'Kubernetes' });
  pusher.configChanged(view, { from: 0, to: 1, added: new Set(), changed: new Set(), removed: new Set() });
  let complaints = 0;
  const log: Logger = { ...silentLogger, warn: () => void complaints++, scope: () => log };
  const keySets = new DiscoveryKeySets({ clock, log, pusher, allow });
  keySets.configChanged(view);
  await until('keys, or why there are none', () => complaints > 0 || (pusher.snapshot?.keySets.size ?? 0) > 0);
  keySets.close();
  pusher.close();
  return pusher.snapshot?.keySets ?? new Map();
}

test('keys come from jwksUri and by discovery, and only from where they may', async (t) => {
  const pair = await generateKeyPair('RS256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] });
  let issuer = '';
  const server = await startApp((request, response) => {
    if (request.url === '/keys') response.end(jwks);
    else if (request.url === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
    else response.writeHead(404).end();
  });
  issuer = `http://127.0.0.1:${server.port}`;
  const app = await startApp((_, response) => response.end('ok'));
  t.after(() => (server.close(), app.close()));
  const policy = (more: string): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: jwt, namespace: shop }
spec: { jwtRules: [{ issuer: "${issuer}"${more} }] }
`;
  const token = await new SignJWT({ sub: 'ann' })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(issuer)
    .setExpirationTime('1h')
    .sign(pair.privateKey);
  for (const more of ['', `, jwksUri: "${issuer}/keys"`]) {
    const keySets = await fetched(policy(more), ['private']);
    assert.equal(keySets.size, 1, more);
    const proxy = await runInbound(policy(more), app.port, { keySets });
    assert.equal(
      (await fetchText(proxy.appPort, '/', { headers: { authorization: `Bearer ${token}` } })).status,
      200,
      more,
    );
    proxy.close();
  }
  assert.equal((await fetched(policy(''), [])).size, 0, 'loopback is not public');
});
