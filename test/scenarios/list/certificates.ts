// Certificates of the lab: one authority for the mesh and its gateways, another that nobody trusts.
import { generateKeyPairSync } from 'node:crypto';
import { generateKeyPair, issueLeaf, makeRoot, privateKeyPem } from '#identity';
import { formatPem, parseCertificate, pemBlocks, writeRevocationList } from '#wire/tls';

export interface Pair {
  readonly certPem: string;
  readonly keyPem: string;
}

const RSA = 'rsa+';
const DAY_MS = 86_400_000;

export class Certificates {
  readonly #root = makeRoot({ organization: 'cluster.local', nowMs: Date.now() });
  readonly #strange = makeRoot({ organization: 'elsewhere', nowMs: Date.now() });
  readonly #known = new Map<string, Pair>();

  get rootsPem(): string {
    return this.#root.rootsPem;
  }

  /** `name` is a SPIFFE id or a DNS name; `rsa+` before it asks for such a key. */
  of(name: string, stranger = false): Pair {
    const key = `${name} ${stranger}`;
    let pair = this.#known.get(key);
    if (pair === undefined) this.#known.set(key, (pair = this.#issue(name, stranger)));
    return pair;
  }

  /** The authority's list, on which this name's certificate stands. */
  revocationList(name: string): string {
    const blocks = pemBlocks(this.of(name).certPem, 'CERTIFICATE');
    const leaf = blocks.ok ? parseCertificate(blocks.value[0] as Uint8Array) : undefined;
    if (leaf?.ok !== true) throw new Error(`the certificate of ${name} can not be read`);
    const { certificate, key } = this.#root;
    const nowMs = Date.now();
    const list = writeRevocationList(
      {
        issuer: certificate.subject,
        authorityKeyId: key.keyId,
        thisUpdateMs: nowMs - 60_000,
        nextUpdateMs: nowMs + DAY_MS,
        number: 1,
        revoked: [{ serial: leaf.value.serial, atMs: nowMs - 60_000 }],
      },
      key,
    );
    return formatPem('X509 CRL', list);
  }

  #issue(name: string, stranger: boolean): Pair {
    const key = name.startsWith(RSA) ? rsaKey() : ownKey();
    const spiffe = name.startsWith('spiffe://');
    const request = {
      spki: key.spki,
      uris: spiffe ? [name] : [],
      dns: spiffe ? [] : [name.replace(RSA, '')],
      ttlMs: DAY_MS,
    };
    const leaf = issueLeaf(stranger ? this.#strange : this.#root, { ...request, keyEncipherment: false }, Date.now());
    return { certPem: leaf.pem, keyPem: key.pem };
  }
}

function ownKey() {
  const key = generateKeyPair();
  return { spki: key.spki, pem: privateKeyPem(key) };
}

function rsaKey() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A core Secret as gateways read it. */
export function secretYaml(name: string, namespace: string, data: Readonly<Record<string, string>>): string {
  const encoded = Object.entries(data).map(([key, text]) => `${key}: ${Buffer.from(text).toString('base64')}`);
  return `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: ${namespace} }\ndata: { ${encoded.join(', ')} }\n`;
}
