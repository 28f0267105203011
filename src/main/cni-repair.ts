// Pods of this node that started before the CNI plugin was in place: captured where they are, deleted, or labelled, as `repair` says.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Clock, Logger, Random } from '#base';
import { brokenPod, isOfPod, type PodState } from '#cni';
import { type CniAgentConfig, CNI_MOUNTS, planOfAnnotations } from '#controllers';
import { Informer, type KubeClient, RESOURCES } from '#kube';

interface Broken extends PodState {
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RepairCount {
  readonly kind: 'repair' | 'delete' | 'label';
  readonly ok: boolean;
}

export interface CniRepairOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly node: string;
  readonly repair: CniAgentConfig['repair'];
  readonly counted: (count: RepairCount) => void;
}

export class CniRepair {
  readonly #options: CniRepairOptions;
  readonly #pods: Informer<Broken>;
  /** What was done already, by pod and failure; only of pods that are there. */
  readonly #done = new Map<string, string>();

  constructor(options: CniRepairOptions) {
    this.#options = options;
    const { client, clock, random, log, node } = options;
    this.#pods = new Informer<Broken>({
      client,
      clock,
      random,
      log,
      types: [RESOURCES.pods],
      selectors: { fieldSelector: `spec.nodeName=${node}` },
      prune: (pod) => {
        const broken = brokenPod(pod);
        return broken === undefined ? undefined : { ...broken, annotations: pod.metadata.annotations ?? {} };
      },
      same: (a, b) => a.uid === b.uid && a.failures === b.failures,
    });
    this.#pods.onChange((keys) => {
      for (const key of keys) {
        const pod = this.#pods.get(key);
        if (pod === undefined) this.#done.delete(key);
        else void this.#act(key, pod);
      }
    });
  }

  start(): Promise<void> {
    return this.#pods.start();
  }

  stop(): void {
    this.#pods.stop();
  }

  async #act(key: string, pod: Broken): Promise<void> {
    const { repair, log, counted } = this.#options;
    const once = `${pod.uid} ${pod.failures}`;
    if (this.#done.get(key) === once) return;
    this.#done.set(key, once);
    const kind = repair.repairPods ? 'repair' : repair.deletePods ? 'delete' : repair.labelPods ? 'label' : undefined;
    if (kind === undefined) return;
    const problem = kind === 'repair' ? captureInPlace(pod) : await this.#change(kind, pod);
    counted({ kind, ok: problem === undefined });
    const facts = { pod: key, failures: pod.failures };
    if (problem === undefined) log.info(`a pod had started without capture: ${TOLD[kind]}`, facts);
    else log.warn('a pod without capture could not be repaired', { ...facts, why: problem });
  }

  async #change(kind: 'delete' | 'label', { namespace, name, uid }: Broken): Promise<string | undefined> {
    const { client, repair } = this.#options;
    const done =
      kind === 'delete'
        ? await client.delete(RESOURCES.pods, { namespace, name }, { uid })
        : await client.mergePatch(
            RESOURCES.pods,
            { namespace, name },
            { metadata: { uid, labels: { [repair.labelKey]: repair.labelValue } } },
          );
    return done.ok || done.error.code === 'kube_not_found' ? undefined : done.error.message;
  }
}

const TOLD = {
  repair: 'captured now, it goes on with its next start',
  delete: 'deleted, its controller makes another',
  label: 'labelled',
} as const;

/** In a process of its own: entering a namespace is for good. */
function captureInPlace(pod: Broken): string | undefined {
  const read = planOfAnnotations(pod.annotations);
  if ('problem' in read) return read.problem;
  const netns = netnsOf(pod.uid);
  if (netns === undefined) return 'none of its processes is there';
  const args = ['capture', 'apply', '--plan', JSON.stringify(read.plan), '--netns', netns];
  const done = spawnSync(process.execPath, [process.argv[1] as string, ...args], { encoding: 'utf8' });
  return done.status === 0 ? undefined : (done.error?.message ?? done.stderr);
}

/** Found by its cgroups; what watches over a container is in them as well, but in the node's own namespace. */
function netnsOf(uid: string): string | undefined {
  const { proc } = CNI_MOUNTS;
  const link = (pid: string): string | undefined => {
    try {
      return readlinkSync(join(proc, pid, 'ns/net'));
    } catch {
      return undefined;
    }
  };
  const host = link('1');
  for (const pid of readdirSync(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!isOfPod(readFileSync(join(proc, pid, 'cgroup'), 'utf8'), uid)) continue;
    } catch {
      // It has ended meanwhile.
      continue;
    }
    const found = link(pid);
    if (found !== undefined && found !== host) return join(proc, pid, 'ns/net');
  }
  return undefined;
}
