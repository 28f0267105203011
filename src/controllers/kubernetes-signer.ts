// Has workloads' requests signed by a signer of the cluster: creates a CertificateSigningRequest, approves it, waits for its
// certificate and takes the object away (certificates.k8s.io/v1; Istio's ISTIOD_RA_KUBERNETES_API).

import type { Clock, Logger, Random, Result } from '#base';
import { err, ok } from '#base';
import type { ExternalSigner } from '#identity';
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';

const TYPE = RESOURCES.certificateSigningRequests;
const PREFIX = 'csr-workload-';
const POLL_MS = 250;
/** Less than what an agent waits for its answer. */
const PATIENCE_MS = 8_000;
/** Seconds; the API server takes no less. */
const LIFE_MIN_S = 600;
/** Requests at a time; beyond, workloads are told to come again: a storm must not reach the API server. */
const AT_ONCE_MAX = 64;
const LABEL = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;

export interface KubernetesSignerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** K8S_SIGNER: for workloads that name none. */
  readonly signer: string;
  /** CERT_SIGNER_DOMAIN: what stands before the names that workloads give. */
  readonly domain: string;
}

/** By Istio's environment variables; undefined: our own authority signs. Throws what the operator has to correct. */
export function signerSettings(
  env: Readonly<Record<string, string | undefined>>,
): { readonly signer: string; readonly domain: string } | undefined {
  const kind = env['EXTERNAL_CA'] ?? '';
  if (kind === '') return undefined;
  if (kind !== 'ISTIOD_RA_KUBERNETES_API')
    throw new Error(`EXTERNAL_CA is "${kind}": write ISTIOD_RA_KUBERNETES_API, or leave it out.`);
  const signer = env['K8S_SIGNER'] ?? '';
  const domain = env['CERT_SIGNER_DOMAIN'] ?? '';
  if (signer === '' && domain === '')
    throw new Error('EXTERNAL_CA needs K8S_SIGNER (the name of a signer) or CERT_SIGNER_DOMAIN.');
  if (signer !== '' && !/^[^/]+\/.+$/.test(signer))
    throw new Error(`K8S_SIGNER is "${signer}": write DOMAIN/NAME, such as issuers.example.org/mesh.`);
  return { signer, domain };
}

export class KubernetesSigner implements ExternalSigner {
  readonly #options: KubernetesSignerOptions;
  #running = 0;

  constructor(options: KubernetesSignerOptions) {
    this.#options = options;
  }

  nameFor(asked: string): Result<string, string> {
    const { signer, domain } = this.#options;
    if (asked === '')
      return signer === '' ? err('the workload names no signer, and K8S_SIGNER is not set') : ok(signer);
    if (domain === '') return err(`the workload names ${asked.slice(0, 100)}, and CERT_SIGNER_DOMAIN is not set`);
    return LABEL.test(asked) ? ok(`${domain}/${asked}`) : err(`${asked.slice(0, 100)} is no name of a signer`);
  }

  async sign(name: string, csrPem: string, ttlMs: number): Promise<Result<string, string>> {
    if (this.#running >= AT_ONCE_MAX) return err('too many requests at once');
    this.#running++;
    try {
      return await this.#sign(name, csrPem, ttlMs);
    } finally {
      this.#running--;
    }
  }

  async #sign(signerName: string, csrPem: string, ttlMs: number): Promise<Result<string, string>> {
    const { client, random, log } = this.#options;
    const name = `${PREFIX}${random.uuid()}`;
    const created = await client.create(TYPE, {
      metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'topsail' } },
      spec: {
        request: Buffer.from(csrPem, 'utf8').toString('base64'),
        signerName,
        usages: ['digital signature', 'key encipherment', 'server auth', 'client auth'],
        expirationSeconds: Math.max(LIFE_MIN_S, Math.round(ttlMs / 1000)),
      },
    });
    if (!created.ok) return err(`it could not be asked: ${created.error.message}`);
    try {
      const approved = await this.#approve(created.value);
      return approved.ok ? await this.#certificateOf(name) : approved;
    } finally {
      const gone = await client.delete(TYPE, { name });
      // The cluster takes it away by itself after an hour.
      if (!gone.ok) log.debug('a CertificateSigningRequest stays', { name, reason: gone.error.message });
    }
  }

  async #approve(request: KubeObject): Promise<Result<void, string>> {
    const now = new Date(this.#options.clock.wallTime()).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = {
      type: 'Approved',
      status: 'True',
      reason: 'ApprovedByMesh',
      message: 'the caller proved to be the workload that the request names',
      lastUpdateTime: now,
    };
    const approved = await this.#options.client.replace(
      TYPE,
      { ...request, status: { conditions: [condition] } },
      'approval',
    );
    return approved.ok ? ok(undefined) : err(`it could not be approved: ${approved.error.message}`);
  }

  async #certificateOf(name: string): Promise<Result<string, string>> {
    const { client, clock } = this.#options;
    const untilMs = clock.now() + PATIENCE_MS;
    for (;;) {
      const read = await client.get(TYPE, { name });
      if (!read.ok && read.error.code === 'kube_not_found') return err('the request was deleted');
      const { certificate, conditions = [] } = ((read.ok && read.value['status']) || {}) as {
        certificate?: string;
        conditions?: readonly { readonly type: string; readonly message?: string }[];
      };
      if (certificate !== undefined && certificate !== '')
        return ok(Buffer.from(certificate, 'base64').toString('utf8'));
      const bad = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
      if (bad !== undefined) return err(`${bad.type}: ${bad.message ?? ''}`);
      if (clock.now() >= untilMs) return err(`no certificate within ${PATIENCE_MS / 1000} s`);
      await new Promise<void>((resolve) => void clock.setTimer(POLL_MS, resolve));
    }
  }
}
