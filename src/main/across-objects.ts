// What is found when objects are seen together, and with what runs: now, and as it would be with an edit in force. One place, of
// which `check`, `analyze`, `apply`, the dashboard and the status of objects are told.
import type { EditedMesh, FindingJson } from '#api';
import type { ProxyNode } from '#base';
import { type Complaint, type ConfigView, editedView, type ParsedDocument } from '#config';
import { acrossSnapshot, buildSnapshot, type Pusher, type Snapshot, touchesRegistry } from '#push';
import { type ProxyIdentity, Registry, withoutIdleTcpWarnings } from '#registry';
import { conditionPlaces } from './condition-places.ts';
import { limitsOnEnvoy } from './limits-on-envoy.ts';
import { opaOnEnvoy } from './opa-on-envoy.ts';
import { ratesOnEnvoy } from './rates-on-envoy.ts';

/** At no line of theirs. */
export function acrossObjects(pusher: Pusher, nodes: Iterable<ProxyNode>): readonly Complaint[] {
  return pusher.snapshot === undefined ? [] : across(pusher.snapshot, pusher, [...nodes]);
}

function across(snapshot: Snapshot, pusher: Pusher, connected: readonly ProxyNode[]): readonly Complaint[] {
  return [
    ...acrossSnapshot(snapshot, running(pusher, connected)),
    ...opaOnEnvoy(snapshot, connected),
    ...limitsOnEnvoy(snapshot, connected),
    ...ratesOnEnvoy(snapshot, connected),
  ];
}

export interface TriedEditParts {
  readonly pusher: Pusher;
  readonly nodes: () => Iterable<ProxyNode>;
  readonly cluster: string;
  readonly textOf: (key: string) => string | undefined;
  readonly wallTime: () => number;
}

/** The mesh with these documents in it, of which nothing is written. Undefined before the first configuration. */
export function tryEdit(parts: TriedEditParts, documents: readonly ParsedDocument[]): EditedMesh | undefined {
  const { pusher, cluster } = parts;
  const before = pusher.snapshot;
  if (before === undefined) return undefined;
  const config = editedView(before.config, documents, { nowMs: parts.wallTime() });
  const keys = new Set(documents.flatMap(({ key }) => key ?? []));
  const { domain } = before;
  const registry = touchesRegistry(keys) ? new Registry({ domain, cluster }).rebuild(config).view : before;
  const { trustDomain } = before.mesh;
  const after = buildSnapshot({ config, registry, domain, trustDomain, former: before });
  const connected = [...parts.nodes()];
  const known = new Set(across(before, pusher, connected).map(identity));
  const edited = new Map(documents.flatMap(({ key, text }) => (key === undefined ? [] : [[key, text] as const])));
  const placed = conditionPlaces({ view: () => config, textOf: (key) => edited.get(key) ?? parts.textOf(key) });
  const names = new Set(documents.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`));
  return {
    config,
    // Findings of others that were there before are not this edit's.
    findings: across(after, pusher, connected)
      .filter((one) => names.has(one.object) || !known.has(identity(one)))
      .map(placed),
  };
}

function identity({ code, object, path, message }: Complaint): string {
  return `${code} ${object} ${path} ${message}`;
}

/** Of what is said of documents, without warnings that concern nobody who runs. */
export function heeded<T extends FindingJson>(
  pusher: Pusher,
  nodes: () => Iterable<ProxyNode>,
  complaints: readonly T[],
  config: ConfigView | undefined = pusher.snapshot?.config,
): readonly T[] {
  const { snapshot } = pusher;
  if (snapshot === undefined || config === undefined) return complaints;
  return withoutIdleTcpWarnings(complaints, {
    config,
    registry: snapshot,
    running: () => running(pusher, nodes()),
    rootNamespace: snapshot.mesh.rootNamespace,
  });
}

/** What has joined, all pods, and whoever is connected: a pod's proxy may be here before its address is. */
function* running(pusher: Pusher, nodes: Iterable<ProxyNode>): Iterable<ProxyIdentity> {
  yield* pusher.registry.running();
  for (const { parsed, metadata } of nodes)
    yield { namespace: metadata.NAMESPACE ?? parsed?.namespace ?? '', labels: metadata.LABELS ?? {} };
}
