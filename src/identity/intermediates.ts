// Remembers intermediates that peers have shown: a resumed session carries only the leaf, and its path is checked again.

import type { Certificate } from '#wire/tls';
import { parseCertificate, pemBlocks } from '#wire/tls';
import { INTERMEDIATES_MAX } from './limits.ts';

/** Its content is untrusted: it only offers steps of a path, each of which is verified. */
export class Intermediates {
  readonly #byDer = new Map<string, Certificate>();

  /** From our own chain: peers of one mesh mostly share their issuer. */
  addPem(pem: string): void {
    const blocks = pemBlocks(pem, 'CERTIFICATE');
    if (!blocks.ok) return;
    for (const der of blocks.value) {
      const parsed = parseCertificate(der);
      if (parsed.ok && parsed.value.isCa) this.add(parsed.value);
    }
  }

  /** Only what stood on a verified path should come here, so that strangers cannot push others out. */
  add(certificate: Certificate): void {
    const id = Buffer.from(certificate.der).toString('base64');
    this.#byDer.delete(id);
    this.#byDer.set(id, certificate);
    if (this.#byDer.size > INTERMEDIATES_MAX) this.#byDer.delete(this.#byDer.keys().next().value as string);
  }

  all(): readonly Certificate[] {
    return [...this.#byDer.values()];
  }
}
