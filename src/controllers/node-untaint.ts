// Takes the taint `cni.istio.io/not-ready` from nodes once the CNI plugin's agent is ready there: a pod that came before would not be captured. Leader only.

import type { Clock, Logger, Random } from '#base';
import { Informer, type KubeClient, type KubeObject, RESOURCES, WorkQueue } from '#kube';

/** Istio's: whoever makes nodes puts it on them. */
export const NOT_READY_TAINT = 'cni.istio.io/not-ready';
/** Istio's switch of this controller. */
export const UNTAINT_VARIABLE = 'PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS';
const AGENTS = 'k8s-app=istio-cni-node';
const RESYNC_MS = 10 * 60_000;

export interface NodeUntaintOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of the CNI plugin's agents. */
  readonly namespace: string;
}

interface Taint {
  readonly key: string;
}

export class NodeUntaint {
  readonly #options: NodeUntaintOptions;
  /** Tainted ones only. */
  readonly #nodes: Informer<true>;
  /** Ready agents: the node of each. */
  readonly #agents: Informer<string>;
  readonly #queue: WorkQueue;
  #leading = false;

  constructor(options: NodeUntaintOptions) {
    this.#options = options;
    const { client, clock, random, log, namespace } = options;
    const common = { client, clock, random, log: log.scope('untaint'), resyncMs: RESYNC_MS };
    this.#nodes = new Informer<true>({
      ...common,
      types: [RESOURCES.nodes],
      prune: (node) => (taintsOf(node).some(({ key }) => key === NOT_READY_TAINT) ? true : undefined),
      same: () => true,
    });
    this.#agents = new Informer<string>({
      ...common,
      types: [RESOURCES.pods],
      selectors: { namespace, labelSelector: AGENTS },
      prune: readyOn,
      same: (a, b) => a === b,
    });
    this.#queue = new WorkQueue({
      ...common,
      name: 'untaint',
      perSecond: 20,
      burst: 50,
      work: (node) => this.#untaint(node),
    });
    this.#nodes.onChange(() => this.#enqueue());
    this.#agents.onChange(() => this.#enqueue());
  }

  async start(): Promise<void> {
    await Promise.all([this.#nodes.start(), this.#agents.start()]);
  }

  setLeading(leading: boolean): void {
    this.#leading = leading;
    this.#enqueue();
  }

  stop(): void {
    this.#nodes.stop();
    this.#agents.stop();
    this.#queue.close();
  }

  #enqueue(): void {
    if (!this.#leading || this.#nodes.objects.size === 0) return;
    for (const node of new Set(this.#agents.objects.values())) if (this.#nodes.objects.has(node)) this.#queue.add(node);
  }

  async #untaint(name: string): Promise<void> {
    const { client, log } = this.#options;
    if (!this.#leading || ![...this.#agents.objects.values()].includes(name)) return;
    const read = await client.get(RESOURCES.nodes, { name });
    if (!read.ok && read.error.code === 'kube_not_found') return;
    if (!read.ok) throw read.error;
    const taints = taintsOf(read.value);
    const left = taints.filter(({ key }) => key !== NOT_READY_TAINT);
    if (left.length === taints.length) return;
    // The list is replaced whole: somebody else's taint that came meanwhile is a conflict, and this is tried again.
    const { resourceVersion } = read.value.metadata;
    const patched = await client.mergePatch(
      RESOURCES.nodes,
      { name },
      { metadata: { resourceVersion }, spec: { taints: left } },
    );
    if (!patched.ok) throw patched.error;
    log.info('the CNI plugin is ready on a node: its taint is taken away', { node: name, taint: NOT_READY_TAINT });
  }
}

function taintsOf(node: KubeObject): readonly Taint[] {
  return (node['spec'] as { readonly taints?: readonly Taint[] } | undefined)?.taints ?? [];
}

function readyOn(pod: KubeObject): string | undefined {
  const { nodeName } = (pod['spec'] ?? {}) as { readonly nodeName?: string };
  const { conditions = [] } = (pod['status'] ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  return ready && pod.metadata.deletionTimestamp === undefined ? nodeName : undefined;
}
