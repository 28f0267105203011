// Pods become workloads: labels, identity and ports from the pod, locality from its node. Readiness comes from EndpointSlices, not from here.
import type { Clock, Logger, Random } from '#base';
import { PROXY_CONTAINER } from '#controllers';
import type { Caller } from '#identity';
import { Informer, type KubeClient, type KubeObject, RESOURCES } from '#kube';
import type { ClaimedGateway } from './discovery-identity.ts';
import { type Locality, NO_LOCALITY, type PodChange, type Workload } from '#registry';

/** What is kept of a pod of several kilobytes. */
interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  /** '' until the node tells: its proxy may be here before. */
  readonly ip: string;
  readonly node: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly network: string;
  readonly workload: string;
  /** Of this mesh or another. */
  readonly proxy: boolean;
}

export interface KubePodsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly cluster: string;
  readonly changed: (changes: readonly PodChange[]) => void;
}

const TLS_MODE = 'security.istio.io/tlsMode';
const NETWORK = 'topology.istio.io/network';
const SUB_ZONE = 'topology.istio.io/subzone';
const LOCALITY_LABEL = 'istio-locality';
const REGIONS = ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'];
const ZONES = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'];

export class KubePods {
  readonly #options: KubePodsOptions;
  readonly #pods: Informer<PodRecord>;
  readonly #nodes: Informer<Locality>;
  readonly #byNode = new Map<string, Set<string>>();
  readonly #nodeOf = new Map<string, string>();

  constructor(options: KubePodsOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const common = { client, clock, random, log: log.scope('kube') };
    this.#pods = new Informer<PodRecord>({
      ...common,
      types: [RESOURCES.pods],
      selectors: { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' },
      prune: readPod,
      same: samePod,
    });
    this.#nodes = new Informer<Locality>({
      ...common,
      types: [RESOURCES.nodes],
      prune: readLocality,
      same: (a, b) => a.region === b.region && a.zone === b.zone && a.subZone === b.subZone,
    });
    this.#nodes.onChange((nodes) => {
      if (this.#pods.synced) this.#publish([...nodes].flatMap((node) => [...(this.#byNode.get(node) ?? [])]));
    });
    this.#pods.onChange((keys) => this.#publish(keys));
  }

  async start(): Promise<void> {
    await this.#nodes.start();
    await this.#pods.start();
  }

  stop(): void {
    this.#nodes.stop();
    this.#pods.stop();
  }

  get size(): number {
    return this.#pods.objects.size;
  }

  /** Where a proxy runs: agents do not know their node's labels. */
  localityOf(namespace: string, name: string): Locality | undefined {
    const pod = this.#pods.get(`${namespace}/${name}`);
    return pod === undefined ? undefined : this.#locality(pod);
  }

  /** A gateway is a pod of the caller's own account, and has the labels that it claims: they choose the keys it gets. */
  gatewayFault(caller: Caller, { workload, labels }: ClaimedGateway): string | undefined {
    const place = `${caller.namespace}/${workload}`;
    const pod = this.#pods.get(place);
    if (pod === undefined) return `there is no pod ${place}, and a gateway has to be one`;
    if (pod.serviceAccount !== caller.serviceAccount)
      return `pod ${place} runs as ${pod.serviceAccount}, not as ${caller.serviceAccount}`;
    const wrong = Object.entries(labels).find(([name, value]) => pod.labels[name] !== value);
    return wrong === undefined ? undefined : `pod ${place} has no label ${wrong[0]}=${wrong[1]}`;
  }

  #publish(keys: Iterable<string>): void {
    const changes: PodChange[] = [];
    for (const key of keys) {
      const pod = this.#pods.get(key);
      this.#placeOnNode(key, pod?.node);
      const slash = key.indexOf('/');
      changes.push({
        namespace: key.slice(0, slash),
        name: key.slice(slash + 1),
        // Nothing to send to before it has an address.
        workload: pod === undefined || pod.ip === '' ? undefined : this.#workload(pod),
      });
    }
    if (changes.length > 0) this.#options.changed(changes);
  }

  #placeOnNode(key: string, node: string | undefined): void {
    const former = this.#nodeOf.get(key);
    if (former === node) return;
    if (former !== undefined) {
      const there = this.#byNode.get(former);
      there?.delete(key);
      if (there?.size === 0) this.#byNode.delete(former);
    }
    if (node === undefined) {
      this.#nodeOf.delete(key);
      return;
    }
    this.#nodeOf.set(key, node);
    const there = this.#byNode.get(node);
    if (there === undefined) this.#byNode.set(node, new Set([key]));
    else there.add(key);
  }

  #locality(pod: PodRecord): Locality {
    const label = pod.labels[LOCALITY_LABEL];
    if (label !== undefined && label !== '') {
      const [region = '', zone = '', subZone = ''] = label.split('.');
      return { region, zone, subZone };
    }
    return this.#nodes.get(pod.node) ?? NO_LOCALITY;
  }

  #workload(pod: PodRecord): Workload {
    return Object.freeze<Workload>({
      key: `Pod/${pod.namespace}/${pod.name}`,
      name: pod.workload,
      namespace: pod.namespace,
      address: pod.ip,
      ports: pod.ports,
      boundPorts: NO_PORTS,
      labels: pod.labels,
      serviceAccount: pod.serviceAccount,
      network: pod.network,
      locality: this.#locality(pod),
      weight: 0,
      tlsMode: pod.labels[TLS_MODE] === 'istio' ? 'istio' : 'disabled',
      outside: !pod.proxy,
      healthy: true,
      cluster: this.#options.cluster,
      origin: { kind: 'Pod', namespace: pod.namespace, name: pod.name },
    });
  }
}

const NO_PORTS: ReadonlyMap<number, number> = new Map();

interface PodContainer {
  readonly name?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[];
}

interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly initContainers?: readonly PodContainer[];
  readonly containers?: readonly PodContainer[];
}

function readPod(object: KubeObject): PodRecord {
  const spec = (object['spec'] ?? {}) as PodSpec;
  const ip = ((object['status'] ?? {}) as { podIP?: string }).podIP ?? '';
  const ports: Record<string, number> = {};
  for (const container of spec.containers ?? []) {
    for (const port of container.ports ?? [])
      if (port.name !== undefined && port.containerPort !== undefined) ports[port.name] = port.containerPort;
  }
  const labels = object.metadata.labels ?? {};
  return {
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    ip,
    node: spec.nodeName ?? '',
    serviceAccount: spec.serviceAccountName ?? 'default',
    labels,
    ports,
    network: labels[NETWORK] ?? '',
    workload: workloadName(object),
    proxy:
      labels[TLS_MODE] === 'istio' ||
      [...(spec.initContainers ?? []), ...(spec.containers ?? [])].some(({ name }) => name === PROXY_CONTAINER),
  };
}

/** Deployment `a` for the pod of its ReplicaSet `a-5d4f8`, as metrics and graphs name it (inventory §8). */
function workloadName(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find((one) => one.controller === true);
  if (owner === undefined) return object.metadata.name;
  const hash = object.metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`))
    return owner.name.slice(0, -hash.length - 1);
  return owner.name;
}

function readLocality(object: KubeObject): Locality {
  const labels = object.metadata.labels ?? {};
  const first = (names: readonly string[]): string =>
    names.map((name) => labels[name]).find((value) => value !== undefined) ?? '';
  return Object.freeze({ region: first(REGIONS), zone: first(ZONES), subZone: labels[SUB_ZONE] ?? '' });
}

function samePod(a: PodRecord, b: PodRecord): boolean {
  return (
    a.ip === b.ip &&
    a.node === b.node &&
    a.serviceAccount === b.serviceAccount &&
    a.workload === b.workload &&
    a.proxy === b.proxy &&
    sameRecord(a.labels, b.labels) &&
    sameRecord(a.ports, b.ports)
  );
}

function sameRecord(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
