// Puts our root into the webhooks that call us, and lets validation fail closed once we answer. Never touches a webhook that calls somebody else.

import type { Clock, Logger, Random } from '#base';
import { Informer, type KubeClient, type KubeObject, RESOURCES, type ResourceType, WorkQueue } from '#kube';

export interface WebhookBundleOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The Service that the API server reaches us by. */
  readonly service: { readonly name: string; readonly namespace: string };
  readonly rootsPem: () => string;
}

interface Hook {
  readonly index: number;
  readonly name: string;
  readonly caBundle: string;
  readonly failurePolicy: string;
}

const RESYNC_MS = 10 * 60_000;

export class WebhookBundle {
  readonly #options: WebhookBundleOptions;
  readonly #informers: ReadonlyMap<'mutating' | 'validating', Informer<readonly Hook[]>>;
  readonly #queue: WorkQueue;
  #serving = false;

  constructor(options: WebhookBundleOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const common = { client, clock, random, log: log.scope('webhooks') };
    const informer = (type: ResourceType): Informer<readonly Hook[]> =>
      new Informer({ ...common, types: [type], resyncMs: RESYNC_MS, prune: (object) => this.#ours(object) });
    this.#informers = new Map([
      ['mutating', informer(RESOURCES.mutatingWebhooks)],
      ['validating', informer(RESOURCES.validatingWebhooks)],
    ] as const);
    this.#queue = new WorkQueue({
      ...common,
      name: 'webhooks',
      perSecond: 10,
      burst: 20,
      work: (key) => this.#ensure(key),
    });
    for (const [which, one] of this.#informers) one.onChange((keys) => this.#enqueue(which, keys));
  }

  async start(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.start()));
  }

  /** Our HTTPS port answers with a certificate below these roots; called again when they change. */
  setServing(): void {
    this.#serving = true;
    for (const [which, informer] of this.#informers) this.#enqueue(which, informer.objects.keys());
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
    this.#queue.close();
  }

  #enqueue(which: string, names: Iterable<string>): void {
    if (this.#serving) for (const name of names) this.#queue.add(`${which}/${name}`);
  }

  /** The hooks that name our Service; undefined when there is none. */
  #ours(object: KubeObject): readonly Hook[] | undefined {
    const { service } = this.#options;
    const hooks = (object['webhooks'] ?? []) as readonly {
      name?: string;
      failurePolicy?: string;
      clientConfig?: { caBundle?: string; service?: { name?: string; namespace?: string } };
    }[];
    const found = hooks.flatMap((hook, index) => {
      const target = hook.clientConfig?.service;
      if (target?.name !== service.name || target.namespace !== service.namespace) return [];
      return [
        {
          index,
          name: hook.name ?? '',
          caBundle: hook.clientConfig?.caBundle ?? '',
          failurePolicy: hook.failurePolicy ?? '',
        },
      ];
    });
    return found.length === 0 ? undefined : found;
  }

  async #ensure(key: string): Promise<void> {
    const slash = key.indexOf('/');
    const which = key.slice(0, slash) as 'mutating' | 'validating';
    const name = key.slice(slash + 1);
    const hooks = this.#informers.get(which)?.get(name) ?? [];
    const caBundle = Buffer.from(this.#options.rootsPem(), 'utf8').toString('base64');
    const operations = hooks.flatMap((hook) => {
      const at = `/webhooks/${hook.index}`;
      const changes: unknown[] = [];
      if (hook.caBundle !== caBundle) changes.push({ op: 'add', path: `${at}/clientConfig/caBundle`, value: caBundle });
      if (which === 'validating' && hook.failurePolicy !== 'Fail')
        changes.push({ op: 'add', path: `${at}/failurePolicy`, value: 'Fail' });
      // Somebody may have inserted one before it.
      return changes.length === 0 ? [] : [{ op: 'test', path: `${at}/name`, value: hook.name }, ...changes];
    });
    if (operations.length === 0) return;
    const type = which === 'mutating' ? RESOURCES.mutatingWebhooks : RESOURCES.validatingWebhooks;
    const patched = await this.#options.client.jsonPatch(type, { name }, operations);
    if (!patched.ok && patched.error.code !== 'kube_not_found') throw patched.error;
    this.#options.log.info('a webhook calls us with our root now', { webhook: name });
  }
}
