// Certificates that live for seconds are renewed under load: no handshake fails, and no open connection closes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerCheck, TlsContext } from '#base';
import { ok, silentLogger } from '#base';
import type { CertificateSecret, TrustSecret } from '#identity';
import { CertificateManager, issueLeaf, makePeerCheck, makeRoot, MESH_ROOTS, WORKLOAD_CERTIFICATE } from '#identity';
import { SystemClock, SystemRandom } from '#io';
import { parseCertificateRequest, pemBlocks } from '#wire/tls';
import { dial, net, startEcho } from './tls-pair.ts';

const TTL_MS = 4_000;
const LOAD_MS = 7_000;
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

test('certificates rotate under load without a failed handshake or a closed connection', {
  timeout: 30_000,
}, async (t) => {
  const [client, server] = [startManager('client'), startManager('server')];
  await new Promise((resolve) => setTimeout(resolve, 50));
  const side = await startEcho(server.tls('client'));
  server.manager.subscribe(WORKLOAD_CERTIFICATE, () => void (side.options = server.tls('client')));
  let echoes = 0;
  let closed = false;
  const long = net.connect(
    {
      host: '127.0.0.1',
      port: side.port,
      timeoutMs: 5000,
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
  const end = Date.now() + LOAD_MS;
  while (Date.now() < end) {
    const dialled = await dial(side.port, client.tls('server'));
    done++;
    if (dialled.facts?.resumed === true) resumed++;
    if (!dialled.echoed) failures.push(dialled.error ?? side.outcomes.at(-1));
    long.writeText('ping');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(failures, []);
  assert.ok(
    client.versions.size >= 3 && server.versions.size >= 3,
    `${client.versions.size} and ${server.versions.size} certificates`,
  );
  assert.ok(done > 20 && resumed > 0, `${done} connections, ${resumed} resumed`);
  assert.equal(closed, false);
  assert.ok(echoes > 10);
});
