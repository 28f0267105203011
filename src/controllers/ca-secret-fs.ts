// The authority's files as Secrets: `SECRET/KEY` is a path, so that the same authority keeps its state in the API server.

import type { Clock, FileStat, Fs, Logger, Random } from '#base';
import { Informer, type KubeClient, type KubeError, type KubeObject, RESOURCES } from '#kube';

export interface SecretFsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
}

/** Where the authority's state lies in Istio's own Secret, beside Istio's names for it. */
export const AUTHORITY_SECRET = 'istio-ca-secret';
const STATE_KEY = 'authority.json';
const ISTIO_CERT = 'ca-cert.pem';
const ISTIO_KEY = 'ca-key.pem';

/** Only whole Secrets are written, with the version that was read: two replicas never make two roots. */
export class SecretFs implements Fs {
  readonly #options: SecretFsOptions;
  readonly #read = new Map<string, KubeObject>();

  constructor(options: SecretFsOptions) {
    this.#options = options;
  }

  async readText(path: string): Promise<string | undefined> {
    const { secret, key } = split(path);
    const object = await this.#fetch(secret);
    if (object === undefined) return undefined;
    const data = (object['data'] ?? {}) as Readonly<Record<string, string>>;
    const value = data[key];
    if (value !== undefined) return decode(value);
    if (secret !== AUTHORITY_SECRET || key !== STATE_KEY) return undefined;
    return adopted(data);
  }

  async writeText(path: string, text: string): Promise<void> {
    const { secret, key } = split(path);
    const { client, namespace } = this.#options;
    const former = this.#read.get(secret);
    // Another control plane made it and goes on keeping it: its root is used here, never changed.
    if (
      former !== undefined &&
      secret === AUTHORITY_SECRET &&
      (former['data'] as Record<string, string> | undefined)?.[STATE_KEY] === undefined
    )
      throw new Error(`Secret ${namespace}/${secret} belongs to another control plane: rotate its root there`);
    const data = {
      ...(former?.['data'] as Readonly<Record<string, string>> | undefined),
      [key]: encode(text),
      ...istioNames(secret, key, text),
    };
    const metadata = former?.metadata ?? {
      name: secret,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'topsail' },
    };
    const object: KubeObject = { ...former, metadata, type: former?.['type'] ?? 'istio.io/ca-root', data };
    const written =
      former === undefined
        ? await client.create(RESOURCES.secrets, object)
        : await client.replace(RESOURCES.secrets, object);
    if (!written.ok) throw written.error;
    this.#read.set(secret, written.value);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const text = await this.readText(path);
    // The API server's access control stands in for the file's mode.
    return text === undefined ? undefined : { isDirectory: false, size: text.length, modifiedMs: 0, mode: 0o600 };
  }

  /** Calls `changed` when the Secret `folder` does. */
  watch(folder: string, changed: () => void): { close(): void } {
    const { client, clock, random, log, namespace } = this.#options;
    const informer = new Informer<string>({
      client,
      clock,
      random,
      log,
      types: [RESOURCES.secrets],
      selectors: { namespace, fieldSelector: `metadata.name=${folder}` },
      prune: (object) => object.metadata.resourceVersion,
      same: (a, b) => a === b,
    });
    informer.onChange(changed);
    void informer.start();
    return { close: () => informer.stop() };
  }

  async makeFolder(): Promise<void> {}

  async appendText(path: string): Promise<void> {
    throw new Error(`${path}: a Secret is replaced as a whole`);
  }

  async remove(path: string): Promise<void> {
    throw new Error(`${path}: the authority's state is not removed`);
  }

  async walk(): Promise<readonly string[]> {
    return [];
  }

  async #fetch(secret: string): Promise<KubeObject | undefined> {
    const { client, namespace } = this.#options;
    const read = await client.get(RESOURCES.secrets, { namespace, name: secret });
    if (read.ok) {
      this.#read.set(secret, read.value);
      return read.value;
    }
    // Anything else than "it is not there" must not lead to a new root.
    if (read.error.code !== 'kube_not_found') throw read.error satisfies KubeError;
    this.#read.delete(secret);
    return undefined;
  }
}

/** A Secret that Istio made holds only certificate and key: its root goes on being the root. */
function adopted(data: Readonly<Record<string, string>>): string | undefined {
  const cert = data[ISTIO_CERT];
  const key = data[ISTIO_KEY];
  if (cert === undefined || key === undefined || cert === '' || key === '') return undefined;
  return JSON.stringify({ current: { cert: decode(cert), key: decode(key) }, rotation: { phase: 'steady' } });
}

function istioNames(secret: string, key: string, text: string): Readonly<Record<string, string>> {
  if (secret !== AUTHORITY_SECRET || key !== STATE_KEY) return {};
  const { current } = JSON.parse(text) as { current: { cert: string; key: string } };
  return { [ISTIO_CERT]: encode(current.cert), [ISTIO_KEY]: encode(current.key) };
}

function split(path: string): { readonly secret: string; readonly key: string } {
  const slash = path.indexOf('/');
  return { secret: path.slice(0, slash), key: path.slice(slash + 1) };
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
