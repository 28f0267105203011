// The read model behind the API: objects, proxies, workloads and findings, put together from the control plane's parts.
import type {
  DebugSource,
  FindingJson,
  Mesh,
  ObjectFilter,
  ObjectId,
  ObjectJson,
  ProxyJson,
  StatusJson,
  WorkloadJson,
} from '#api';
import type { ProxyNode } from '#base';
import { type Complaint, type ConfigObject, type ConfigView, type KindName, KINDS, objectKey } from '#config';
import type { Pusher } from '#push';
import { serviceKey } from '#registry';
import { acrossObjects, heeded } from './across-objects.ts';
import type { ConfigWriter } from './config-writer.ts';
import type { DiscoveryTelemetry } from './discovery-telemetry.ts';
import type { JoinedConfig } from './joined-config.ts';
import { displayName, type ProgramTracker } from './program-tracker.ts';

export interface MeshModelParts {
  readonly writer: ConfigWriter;
  readonly joined: JoinedConfig;
  readonly pusher: Pusher;
  readonly tracker: ProgramTracker;
  readonly telemetry: DiscoveryTelemetry;
  readonly proxies: () => readonly ProxyJson[];
  /** With `causes`. */
  readonly dump: (node: ProxyNode) => Promise<Readonly<Record<string, readonly unknown[]>>>;
  readonly nodes: () => Iterable<ProxyNode>;
  /** A condition at the line of its field. */
  readonly placed: (complaint: Complaint) => Complaint;
  readonly isHealthy: (namespace: string, name: string) => boolean | undefined;
  readonly metrics: () => string;
  /** The configuration's, as `apply` answers it and `wait` takes it. */
  readonly generation: () => number;
  readonly facts: Pick<StatusJson, 'version' | 'startedMs' | 'pid' | 'home' | 'addresses'>;
}

export function makeMesh(parts: MeshModelParts): Mesh & DebugSource {
  const { writer, joined, pusher, tracker, telemetry } = parts;
  const objects = async (filter: ObjectFilter): Promise<readonly ObjectJson[]> => {
    const view = joined.view;
    return view === undefined ? [] : listObjects(view, parts, filter);
  };
  const status = async (): Promise<StatusJson> => {
    const all = await objects({ kind: undefined, namespace: undefined, name: undefined });
    return {
      ...parts.facts,
      istioLevel: '1.31',
      generation: parts.generation(),
      snapshot: pusher.snapshot?.number ?? 0,
      services: pusher.snapshot?.services.all.size ?? 0,
      objects: all.length,
      proxies: parts.proxies(),
      workloads: workloads(parts),
      findings: findings(parts),
    };
  };
  return {
    version: parts.facts.version,
    apply: async (ask) => {
      const answer = await writer.apply(ask);
      const found = foundNow(parts, answer.generation);
      const applied = answer.applied.map((one) => ({
        ...one,
        findings: [...heededOf(parts, one.findings), ...(one.action === 'refused' ? [] : ofObject(found, one))],
      }));
      return { ...answer, applied };
    },
    remove: (ids) => writer.remove(ids),
    identify: (ask) => writer.identify(ask),
    objects,
    status,
    programmed: (ids, generation) => tracker.programmed(ids, generation),
    onProgress: (changed) => tracker.onProgress(changed),
    proxies: parts.proxies,
    proxyConfig: async (name) => {
      for (const node of parts.nodes())
        if (node.id === name || displayName(node) === name || node.parsed?.workload === name)
          return await parts.dump(node);
      return undefined;
    },
    edges: () => telemetry.edges(),
    services: () => [...(pusher.snapshot?.services.all.values() ?? [])],
    endpoints: () => listEndpoints(pusher),
    metrics: parts.metrics,
    ready: () => pusher.snapshot !== undefined,
  };
}

function listObjects(view: ConfigView, parts: MeshModelParts, filter: ObjectFilter): readonly ObjectJson[] {
  const fits = (id: ObjectId): boolean =>
    (filter.kind === undefined || id.kind === filter.kind) &&
    (filter.namespace === undefined || id.namespace === filter.namespace || id.namespace === '') &&
    (filter.name === undefined || id.name === filter.name);
  const found = new Map<string, ObjectJson>();
  const conditions = groupByObject(conditionsOf(parts));
  for (const object of view.all()) {
    const id = { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
    if (fits(id)) found.set(object.key, toJson(id, object, view, parts, conditions));
  }
  // What was refused is in force nowhere, but its owner wrote it and wants to see it.
  for (const [key, input] of view.statusInputs) {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    const id = { kind, namespace, name };
    if (found.has(key) || !fits(id)) continue;
    const complaint = input.complaints[0];
    found.set(key, {
      ...id,
      group: groupOf(kind),
      apiVersion: '',
      generation: input.generation,
      createdMs: 0,
      state: input.state,
      file: complaint?.file ?? '',
      line: complaint?.line ?? 0,
      labels: {},
      annotations: {},
      spec: {},
      findings: input.complaints,
      programmed: { acknowledged: 0, concerned: 0, lagging: [], rejected: [] },
    });
  }
  return [...found.values()].sort(
    (a, b) => compare(a.kind, b.kind) || compare(a.namespace, b.namespace) || compare(a.name, b.name),
  );
}

function toJson(
  id: ObjectId,
  object: ConfigObject,
  view: ConfigView,
  parts: MeshModelParts,
  conditions: ReadonlyMap<string, Complaint[]>,
): ObjectJson {
  const input = view.statusInputs.get(object.key);
  const { metadata, source } = object;
  return {
    ...id,
    group: groupOf(object.kind),
    apiVersion: object.apiVersion,
    generation: metadata.generation,
    createdMs: metadata.creationTimestampMs,
    state: input?.state ?? 'accepted',
    file: source.file,
    line: source.line,
    labels: metadata.labels,
    annotations: metadata.annotations,
    spec: object.spec,
    findings: [...heededOf(parts, input?.complaints ?? []), ...ofObject(conditions, id)],
    programmed: parts.tracker.programmed([id]) ?? { acknowledged: 0, concerned: 0, lagging: [], rejected: [] },
  };
}

function groupByObject(conditions: readonly Complaint[]): ReadonlyMap<string, Complaint[]> {
  const groups = new Map<string, Complaint[]>();
  for (const one of conditions) {
    const group = groups.get(one.object);
    if (group === undefined) groups.set(one.object, [one]);
    else group.push(one);
  }
  return groups;
}

function ofObject(
  conditions: ReadonlyMap<string, readonly Complaint[]>,
  { kind, namespace, name }: ObjectId,
): readonly Complaint[] {
  return conditions.get(`${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`) ?? [];
}

/** Of the configuration of this generation; nothing where that is not here yet, as in a cluster, where it comes by a watch. */
function foundNow(parts: MeshModelParts, generation: number): ReadonlyMap<string, Complaint[]> {
  parts.pusher.flush();
  return parts.tracker.programmed([], generation) === undefined ? new Map() : groupByObject(conditionsOf(parts));
}

function conditionsOf({ pusher, nodes, placed }: MeshModelParts): readonly Complaint[] {
  return acrossObjects(pusher, nodes()).map(placed);
}

function heededOf<T extends FindingJson>(
  { pusher, nodes, joined }: MeshModelParts,
  complaints: readonly T[],
): readonly T[] {
  return heeded(pusher, nodes, complaints, joined.view);
}

function findings(parts: MeshModelParts): readonly FindingJson[] {
  const view = parts.joined.view;
  const documents = view === undefined ? [] : heededOf(parts, view.complaints);
  return [...documents, ...conditionsOf(parts)];
}

function workloads(parts: MeshModelParts): readonly WorkloadJson[] {
  const captures = new Map(parts.proxies().map((one) => [`${one.namespace}/${one.name}`, one.capture]));
  return parts.joined.staying().map((one) => {
    const healthy = parts.isHealthy(one.namespace, one.name);
    return {
      name: one.name,
      namespace: one.namespace,
      serviceAccount: one.serviceAccount,
      labels: one.labels,
      address: one.address,
      ports: one.boundPorts,
      health: healthy === undefined ? ('unknown' as const) : healthy ? ('healthy' as const) : ('unhealthy' as const),
      capture: captures.get(`${one.namespace}/${one.name}`) ?? '',
      connected: parts.joined.isConnected(one.namespace, one.name),
    };
  });
}

function listEndpoints(pusher: Pusher): readonly unknown[] {
  const snapshot = pusher.snapshot;
  if (snapshot === undefined) return [];
  return [...snapshot.services.all.values()].map((service) => ({
    svc: service.hostname,
    ep: [...(snapshot.endpoints.get(serviceKey(service))?.byPort ?? [])].flatMap(([port, endpoints]) =>
      endpoints.map((endpoint) => ({ ...endpoint, servicePort: port })),
    ),
  }));
}

function groupOf(kind: string): string {
  return KINDS[kind as KindName]?.group ?? '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function keyOf(id: ObjectId): string {
  return objectKey(id.kind as KindName, id.namespace, id.name);
}
