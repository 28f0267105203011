// Nodes and pods that nothing runs, with the EndpointSlices that name them; a pod is replaced as a Deployment's controller does it.
import { type KubeClient, type KubeObject, RESOURCES, type ResourceType } from '#kube';
import { must } from '../../test/rungs/kube/api-server.ts';
import { namespaceOf, serviceObject, type Size } from './objects.ts';

/** Requests under way at once while the API server is filled. */
const PARALLEL = 32;
const ATTEMPTS = 10;

interface FakePod {
  readonly name: string;
  readonly ip: string;
}

export class FakePods {
  readonly #client: KubeClient;
  readonly #size: Size;
  readonly #nodes: number;
  /** By service, then by place in its slice. */
  readonly #pods: FakePod[][] = [];
  /** Changes of one service follow one another. */
  readonly #turns = new Map<number, Promise<void>>();
  #made = 0;
  /** Calls that had to be made once more. */
  retries = 0;

  constructor(client: KubeClient, size: Size, nodes: number) {
    this.#client = client;
    this.#size = size;
    this.#nodes = nodes;
  }

  async fill(): Promise<void> {
    const { services, endpoints, namespaces } = this.#size;
    for (let n = 0; n < namespaces; n++)
      await this.#create(RESOURCES.namespaces, { metadata: { name: namespaceOf(n, this.#size) } });
    await each(this.#nodes, (n) => this.#create(RESOURCES.nodes, nodeObject(n)));
    await each(services, async (i) => {
      const { clusterIP: _, ...spec } = serviceObject(i, this.#size)['spec'] as Record<string, unknown>;
      await this.#create(RESOURCES.services, { ...serviceObject(i, this.#size), spec });
      const pods: FakePod[] = [];
      for (let e = 0; e < endpoints; e++) pods.push(await this.#make(i));
      this.#pods[i] = pods;
      await this.#again(() => this.#writeSlice(i));
    });
  }

  /** A new pod is ready, then the former leaves the slice, then it goes. */
  replace(i: number, e: number): Promise<void> {
    const work = async (): Promise<void> => {
      const pods = this.#pods[i] as FakePod[];
      const former = pods[e] as FakePod;
      pods[e] = await this.#make(i);
      await this.#again(() => this.#writeSlice(i));
      const place = { namespace: namespaceOf(i, this.#size), name: former.name };
      await this.#again(async () => {
        const gone = await this.#client.delete(RESOURCES.pods, place);
        if (!gone.ok && gone.error.code !== 'kube_not_found') throw gone.error;
      });
    };
    const turn = (this.#turns.get(i) ?? Promise.resolve()).then(work);
    this.#turns.set(
      i,
      turn.catch(() => {}),
    );
    return turn;
  }

  /** An API server on a busy machine lets calls time out, as a Deployment's controller knows. */
  async #again(call: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        return await call();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        this.retries++;
        await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
      }
  }

  /** Sorted addresses of a service. */
  addresses(i: number): readonly string[] {
    return (this.#pods[i] ?? []).map(({ ip }) => ip).sort();
  }

  async #make(i: number): Promise<FakePod> {
    const number = this.#made++;
    const pod = {
      name: `svc-${i}-${number}`,
      ip: `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`,
    };
    const namespace = namespaceOf(i, this.#size);
    const object: KubeObject = {
      metadata: { name: pod.name, namespace, labels: { app: `svc-${i}`, 'security.istio.io/tlsMode': 'istio' } },
      spec: {
        nodeName: `node-${number % this.#nodes}`,
        // Nobody would end it.
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'none', ports: [{ containerPort: 8080 }] }],
      },
    };
    await this.#create(RESOURCES.pods, object);
    const status = {
      phase: 'Running',
      podIP: pod.ip,
      podIPs: [{ ip: pod.ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
    };
    const place = { namespace, name: pod.name, subresource: 'status' };
    await this.#again(async () => void must(await this.#client.mergePatch(RESOURCES.pods, place, { status })));
    return pod;
  }

  #create(type: ResourceType, object: KubeObject): Promise<void> {
    return this.#again(async () => {
      const made = await this.#client.create(type, object);
      if (!made.ok && made.error.code !== 'kube_exists') throw made.error;
    });
  }

  async #writeSlice(i: number): Promise<void> {
    const namespace = namespaceOf(i, this.#size);
    const endpoints = (this.#pods[i] as FakePod[]).map(({ name, ip }) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', name, namespace },
    }));
    const slice: KubeObject = {
      metadata: { name: `svc-${i}-a`, namespace, labels: { 'kubernetes.io/service-name': `svc-${i}` } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints,
    };
    must(await this.#client.apply(RESOURCES.endpointSlices, slice, { force: true }));
  }
}

function nodeObject(n: number): KubeObject {
  return {
    metadata: {
      name: `node-${n}`,
      labels: { 'topology.kubernetes.io/region': 'here', 'topology.kubernetes.io/zone': `zone-${n % 3}` },
    },
    spec: {},
  };
}

async function each(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
