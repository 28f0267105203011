// The authority's state in a Secret: made once by whoever is first, adopted from Istio and then left as it is, never made anew when the API server does not answer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { CertificateAuthority, makeRoot, privateKeyPem } from '#identity';
import { type KubeAnswer, KubeClient, type KubeObject, type KubeRequest, type KubeTransport } from '#kube';
import { AUTHORITY_SECRET, SecretFs } from './ca-secret-fs.ts';
import { formatPem } from '#wire/tls';

class Secrets implements KubeTransport {
  secret: KubeObject | undefined;
  down = false;
  writes = 0;

  async call({ method, path, body }: KubeRequest): Promise<KubeAnswer | undefined> {
    if (this.down) return undefined;
    const answer = (status: number, value: unknown): KubeAnswer => ({
      status,
      body: JSON.stringify(value),
      retryAfterMs: 0,
    });
    if (method === 'GET')
      return this.secret !== undefined && path.endsWith(AUTHORITY_SECRET) ? answer(200, this.secret) : answer(404, {});
    if (method === 'POST' && this.secret !== undefined) return answer(409, { reason: 'AlreadyExists' });
    const object = JSON.parse(body ?? '{}') as KubeObject;
    this.secret = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.writes) } };
    return answer(200, this.secret);
  }

  stream(): { close(): void } {
    return { close: () => {} };
  }
}

function begin() {
  const api = new Secrets();
  const clock = new FakeClock();
  const fs = () =>
    new SecretFs({
      client: new KubeClient({ transport: api, fieldManager: 'test' }),
      clock,
      random: new SeededRandom(1),
      log: silentLogger,
      namespace: 'istio-system',
    });
  const start = async () => {
    const started = await CertificateAuthority.start({
      fs: fs(),
      clock,
      log: silentLogger,
      folder: AUTHORITY_SECRET,
      cacertsFolder: 'cacerts',
      trustDomain: 'cluster.local',
    });
    if (!started.ok) throw started.error;
    return started.value;
  };
  return { api, clock, fs, start };
}

describe('the authority in the API server', () => {
  it('is made once; every later start and every replica has the same root', async () => {
    const { api, start } = begin();
    const first = await start();
    const second = await start();
    assert.equal(second.trust.rootsPem, first.trust.rootsPem);
    assert.equal(api.writes, 1);
    assert.deepEqual(Object.keys(api.secret?.['data'] as object).sort(), [
      'authority.json',
      'ca-cert.pem',
      'ca-key.pem',
    ]);
  });

  it('is not made anew while the API server does not answer', async () => {
    const { api, start } = begin();
    await start();
    api.down = true;
    await assert.rejects(start(), /did not answer/);
    assert.equal(api.writes, 1);
  });

  it('takes the root that Istio made, and never changes it', async () => {
    const { api, clock, fs, start } = begin();
    const root = makeRoot({ organization: 'cluster.local', nowMs: clock.wallTime() });
    const cert = formatPem('CERTIFICATE', root.certificate.der);
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    api.secret = {
      metadata: { name: AUTHORITY_SECRET, namespace: 'istio-system', resourceVersion: '1' },
      data: { 'ca-cert.pem': encode(cert), 'ca-key.pem': encode(privateKeyPem(root.key)), 'cert-chain.pem': '' },
    };
    assert.equal((await start()).trust.rootsPem.trim(), cert.trim());
    const files = fs();
    const state = await files.readText(`${AUTHORITY_SECRET}/authority.json`);
    await assert.rejects(files.writeText(`${AUTHORITY_SECRET}/authority.json`, state ?? ''), /another control plane/);
    assert.equal(api.writes, 0);
  });
});
