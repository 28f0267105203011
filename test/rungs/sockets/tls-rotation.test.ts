// Certificates that are renewed every other second, under load: no handshake fails, and no open connection closes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerCheck, TlsContext } from '#base';
import { ok, silentLogger } from '#base';
import type { CertificateSecret, TrustSecret } from '#identity';
import { CertificateManager, issueLeaf, makePeerCheck, makeRoot, MESH_ROOTS, WORKLOAD_CERTIFICATE } from '#identity';
import { SystemClock, SystemRandom } from '#io';
import { parseCertificateRequest, pemBlocks } from '#wire/tls';
import { dial, net, startEcho } from './tls-pair.ts';
import { until } from '../../mesh/until.ts';

/** They live long beyond their renewal: a machine that stands still for a while must not see them end. */
const TTL_MS = 120_000;
const RENEW_AFTER_MS = 1_500;
/** Of each side. */
const CERTIFICATES = 4;
const clock = new SystemClock();
const root = makeRoot({ organization: 'cluster.local', nowMs: Date.now() });

function startManager(serviceAccount: string): {
  manager: CertificateManager;
  versions: Set<string>;
  tls(peerIs: 'client' | 'server'): { context: TlsContext; check: PeerCheck };
} {
  const spiffeId = `spiffe://cluster.local/ns/default/sa/${serviceAccount}`;
  const manager = new CertificateManager({
    clock,
    random: new SystemRandom(),
    log: silentLogger,
    spiffeId,
    ttlMs: TTL_MS,
    graceRatio: 1 - RENEW_AFTER_MS / TTL_MS,
    graceJitter: 0,
    signCsr: async (csrPem, ttlMs) => {
      const blocks = pemBlocks(csrPem, 'CERTIFICATE REQUEST');
      const csr = blocks.ok ? parseCertificateRequest(blocks.value[0] as Uint8Array) : blocks;
      if (!csr.ok) throw csr.error;
      return ok([
        issueLeaf(root, { spki: csr.value.publicKey.spki, uris: [spiffeId], ttlMs, keyEncipherment: false }, Date.now())
          .pem,
        root.rootsPem,
      ]);
    },
  });
  const versions = new Set<string>();
  let certificate: CertificateSecret | undefined;
  let trust: TrustSecret | undefined;
  manager.subscribe(WORKLOAD_CERTIFICATE, (value) => {
    if (value.kind !== 'certificate') return;
    certificate = value;
    versions.add(value.version);
  });
  manager.subscribe(MESH_ROOTS, (value) => {
    if (value.kind === 'trust') trust = value;
  });
  manager.start();
  return {
    manager,
    versions,
    tls: (peerIs) => {
      assert.ok(certificate !== undefined && trust !== undefined);
      return {
        context: {
          certChainPem: certificate.certChainPem,
          privateKeyPem: certificate.privateKeyPem,
          rootsPem: trust.rootsPem,
          minVersion: 'TLSv1.3',
          maxVersion: 'TLSv1.3',
          version: `${certificate.version} ${trust.version}`,
        },
        check: makePeerCheck({
          roots: trust.rootsPem,
          crl: '',
          sanMatchers: [],
          trustDomains: ['cluster.local'],
          required: true,
          peerIs,
          clock,
        }),
      };
    },
  };
}

test('certificates rotate under load without a failed handshake or a closed connection', async (t) => {
  const [client, server] = [startManager('client'), startManager('server')];
  await until('the first certificates', () => client.versions.size > 0 && server.versions.size > 0);
  const side = await startEcho(server.tls('client'));
  server.manager.subscribe(WORKLOAD_CERTIFICATE, () => void (side.options = server.tls('client')));
  let echoes = 0;
  let closed = false;
  const long = net.connect(
    {
      host: '127.0.0.1',
      port: side.port,
      timeoutMs: 60_000,
      tls: { ...client.tls('server'), alpn: ['istio'], sni: 'server.mesh', checkKey: 'long' },
    },
    {
      onConnected: () => void long.writeText('ping'),
      onData: () => void echoes++,
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => void (closed = true),
    },
  );
  t.after(() => {
    long.destroy();
    side.close();
    client.manager.close();
    server.manager.close();
  });
  const failures: unknown[] = [];
  let done = 0;
  let resumed = 0;
  await until('several certificates, under load', async () => {
    const dialled = await dial(side.port, client.tls('server'));
    done++;
    if (dialled.facts?.resumed === true) resumed++;
    if (!dialled.echoed) failures.push(dialled.error ?? side.outcomes.at(-1));
    long.writeText('ping');
    return client.versions.size >= CERTIFICATES && server.versions.size >= CERTIFICATES && done > 20 && resumed > 0;
  });
  assert.deepEqual(failures, []);
  assert.equal(closed, false);
  const before = echoes;
  long.writeText('ping');
  await until('an echo over the first connection', () => echoes > before);
});
