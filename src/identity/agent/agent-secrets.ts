// What one agent serves under which name: its own certificate and roots, files, and all else from the control plane.

import { MESH_ROOTS, WORKLOAD_CERTIFICATE } from '../secret-source.ts';
import type { SecretSource, SecretValue } from '../secret-source.ts';

export interface AgentSecretsOptions {
  /** `default` and `ROOTCA`: a CertificateManager, or the files of OUTPUT_CERTS and mounted certificates. */
  readonly workload: SecretSource;
  /** `file-cert:` and `file-root:`. */
  readonly files: SecretSource;
  /** `kubernetes://` and the like, from the ADS stream. */
  readonly remote: SecretSource;
}

export class AgentSecrets implements SecretSource {
  readonly #options: AgentSecretsOptions;

  constructor(options: AgentSecretsOptions) {
    this.#options = options;
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    return this.#sourceOf(name).subscribe(name, changed);
  }

  #sourceOf(name: string): SecretSource {
    if (name === WORKLOAD_CERTIFICATE || name === MESH_ROOTS) return this.#options.workload;
    return name.startsWith('file-cert:') || name.startsWith('file-root:') ? this.#options.files : this.#options.remote;
  }
}
