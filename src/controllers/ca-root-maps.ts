// Keeps the ConfigMap `istio-ca-root-cert` in every namespace: pods mount it to know whom the mesh trusts, and who is revoked. Leader only.

import type { Clock, Logger, Random } from '#base';
import { Informer, keyOf, type KubeClient, RESOURCES, WorkQueue } from '#kube';

export const ROOT_MAP = 'istio-ca-root-cert';
const ROOT_KEY = 'root-cert.pem';
/** Beside the roots: it needs no volume of its own, and is never older than they are. */
const LIST_KEY = 'ca-crl.pem';
/** Further roots, each for one trust domain, as JSON. */
const BOUND_KEY = 'trust-domains.json';
/** Namespaces that no workload of a mesh runs in, as Istio's. */
const NEVER: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']);
const RESYNC_MS = 10 * 60_000;

interface Trust {
  readonly rootsPem: string;
  /** '': nothing is revoked. */
  readonly crlPem: string;
  /** None, as a rule. */
  readonly bound?: readonly { readonly trustDomain: string; readonly rootsPem: string }[];
}

export interface CaRootMapsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly trust: () => Trust;
}

export class CaRootMaps {
  readonly #options: CaRootMapsOptions;
  readonly #namespaces: Informer<true>;
  /** What each namespace's map holds. */
  readonly #maps: Informer<string>;
  readonly #queue: WorkQueue;
  readonly #foreign = new Set<string>();
  #leading = false;

  constructor(options: CaRootMapsOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const common = { client, clock, random, log: log.scope('ca-root') };
    this.#namespaces = new Informer<true>({
      ...common,
      types: [RESOURCES.namespaces],
      resyncMs: RESYNC_MS,
      prune: (object) => (object.metadata.deletionTimestamp === undefined ? true : undefined),
    });
    this.#maps = new Informer<string>({
      ...common,
      types: [RESOURCES.configMaps],
      selectors: { fieldSelector: `metadata.name=${ROOT_MAP}` },
      prune: (object) => {
        const data = object['data'] as Readonly<Record<string, string>> | undefined;
        return [data?.[ROOT_KEY], data?.[LIST_KEY], data?.[BOUND_KEY]].map((text) => text ?? '').join('\0');
      },
      same: (a, b) => a === b,
    });
    this.#queue = new WorkQueue({
      ...common,
      name: 'ca-root',
      perSecond: 50,
      burst: 200,
      parallel: 8,
      work: (namespace) => this.#ensure(namespace),
    });
    this.#namespaces.onChange((keys) => this.#enqueue(keys));
    this.#maps.onChange((keys) => this.#enqueue([...keys].map((key) => key.slice(0, key.indexOf('/')))));
  }

  async start(): Promise<void> {
    await Promise.all([this.#namespaces.start(), this.#maps.start()]);
  }

  setLeading(leading: boolean): void {
    this.#leading = leading;
    if (leading) this.trustChanged();
  }

  trustChanged(): void {
    this.#enqueue(this.#namespaces.objects.keys());
  }

  stop(): void {
    this.#namespaces.stop();
    this.#maps.stop();
    this.#queue.close();
  }

  #enqueue(namespaces: Iterable<string>): void {
    if (!this.#leading) return;
    for (const namespace of namespaces) if (!NEVER.has(namespace)) this.#queue.add(namespace);
  }

  async #ensure(namespace: string): Promise<void> {
    const { client, log } = this.#options;
    const trust = this.#options.trust();
    if (!this.#leading || this.#namespaces.get(namespace) === undefined) return;
    if (this.#maps.get(keyOf({ namespace, name: ROOT_MAP })) === textOf(trust)) return;
    const labels = { 'istio.io/config': 'true', 'app.kubernetes.io/managed-by': 'topsail' };
    const map = {
      metadata: { name: ROOT_MAP, namespace, labels },
      data: {
        [ROOT_KEY]: trust.rootsPem,
        ...(trust.crlPem === '' ? {} : { [LIST_KEY]: trust.crlPem }),
        ...(trust.bound === undefined ? {} : { [BOUND_KEY]: JSON.stringify(trust.bound) }),
      },
    };
    let applied = await client.apply(RESOURCES.configMaps, map);
    if (!applied.ok && isEditedByHand(applied.error.message)) {
      log.warn('somebody edited this ConfigMap: it is put back', { namespace, name: ROOT_MAP });
      applied = await client.apply(RESOURCES.configMaps, map, { force: true });
    }
    if (applied.ok) {
      this.#foreign.delete(namespace);
      return;
    }
    // Being deleted, or another control plane's: theirs stays as it is.
    if (applied.error.code === 'kube_not_found' || applied.error.status === 403) return;
    if (applied.error.code !== 'kube_conflict') throw applied.error;
    if (!this.#foreign.has(namespace))
      log.warn('another control plane keeps this ConfigMap; it is left alone', { namespace, name: ROOT_MAP });
    this.#foreign.add(namespace);
  }
}

/** All who hold its fields are people at a command line, as the API server's refusal names them. */
function isEditedByHand(message: string): boolean {
  const owners = [...message.matchAll(/conflicts? with "([^"]+)"/g)].map(([, owner]) => owner ?? '');
  return owners.length > 0 && owners.every((owner) => owner.startsWith('kubectl'));
}

function textOf({ rootsPem, crlPem, bound }: Trust): string {
  return [rootsPem, crlPem, bound === undefined ? '' : JSON.stringify(bound)].join('\0');
}
