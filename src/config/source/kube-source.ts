// The API server as the source of configuration: one reflector a kind, objects pruned and parsed as they come, one commit for what came together.

import type { Clock, Logger, Random } from '#base';
import { type KubeClient, type KubeObject, Reflector, type ReflectorSink, type ResourceType } from '#kube';
import { KINDS, type KindInfo, type KindName } from '../model/kinds.ts';
import { objectKey } from '../model/object.ts';
import type { SpecOf } from '../model/kinds.ts';
import type { ConfigDiff } from '../model/view.ts';
import type { ConfigStore } from '../store/config-store.ts';
import { GivenAddresses } from './given-addresses.ts';
import { readKubeObject } from './kube-documents.ts';
import { matchesAny } from './label-selector.ts';

export interface KubeSourceOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: ConfigStore;
  readonly rootNamespace: string;
  /** Objects labelled `istio.io/rev` with another one are not ours. */
  readonly revision: string;
  /** Name of the ConfigMap with the mesh's configuration: `istio`, or `istio-REVISION`. */
  readonly meshConfigMap: string;
}

/** Kinds of the API server that are read; Endpoints are EndpointSlices by now. */
const CORE_KINDS: readonly KindName[] = ['Service', 'EndpointSlice', 'Namespace', 'Secret', 'ConfigMap'];
const REVISION_LABEL = 'istio.io/rev';
/** What no gateway ever serves, however many there are. */
const SECRET_TYPES = [
  'kubernetes.io/service-account-token',
  'kubernetes.io/dockerconfigjson',
  'kubernetes.io/dockercfg',
  'bootstrap.kubernetes.io/token',
  'helm.sh/release.v1',
];

export class KubeSource {
  readonly #options: KubeSourceOptions;
  readonly #kinds = new Map<KindName, KindSink>();
  readonly #given = new GivenAddresses();
  /** Labels of every namespace, in the mesh or not. */
  readonly #namespaces = new Map<string, Readonly<Record<string, string>>>();
  #selectors: SpecOf<'MeshConfig'>['discoverySelectors'];
  #ready = false;
  #resolve: (() => void) | undefined;

  constructor(options: KubeSourceOptions) {
    this.#options = options;
    for (const kind of readKinds()) this.#kinds.set(kind, new KindSink(kind, this.#reflectorOptions(kind), this));
  }

  /** Resolves when every kind is listed and the first configuration is in the store. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      for (const sink of this.#kinds.values()) sink.reflector.start();
    });
  }

  stop(): void {
    for (const sink of this.#kinds.values()) sink.reflector.stop();
  }

  /** How each kind fares, for metrics and the debug page. */
  states(): ReadonlyMap<
    string,
    { readonly state: string; readonly objects: number; readonly lists: number; readonly problem: string }
  > {
    return new Map(
      [...this.#kinds].map(([kind, { reflector, count }]) => [
        kind,
        { state: reflector.state, objects: count, lists: reflector.lists, problem: reflector.problem },
      ]),
    );
  }

  get revision(): string {
    return this.#options.revision;
  }

  get meshConfigMap(): string {
    return this.#options.meshConfigMap;
  }

  /** Of another revision, or outside what discoverySelectors choose. */
  ignores(kind: KindName, object: KubeObject): boolean {
    const { namespace, labels } = object.metadata;
    const revision = labels?.[REVISION_LABEL];
    if (
      revision !== undefined &&
      KINDS[kind].origin === 'crd' &&
      this.#options.revision !== '' &&
      revision !== this.#options.revision
    )
      return true;
    return namespace !== undefined && !this.#discovers(namespace);
  }

  namespaceSeen(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    const before = this.#discovers(name);
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    if (this.#ready && before !== this.#discovers(name)) this.#membershipChanged();
  }

  /** A kind's list is complete, or events of it were taken in. */
  commit(): void {
    if (!this.#ready) {
      for (const sink of this.#kinds.values()) if (!sink.listed) return;
    }
    const diff = this.#options.store.commit();
    const first = !this.#ready;
    this.#ready = true;
    if (diff !== undefined) this.#readSelectors(diff);
    if (first) this.#resolve?.();
  }

  /** Virtual addresses of hosts, as statuses have them. */
  get givenAddresses(): ReadonlyMap<string, string> {
    return this.#given.all;
  }

  /** Those that the status of one object has. */
  givenAddressesOf(key: string): ReadonlyMap<string, string> {
    return this.#given.of(key);
  }

  set(key: string, kind: KindName, object: KubeObject): void {
    if (kind === 'ServiceEntry') this.#given.seen(key, object);
    this.#options.store.setFile(key, readKubeObject(kind, object, this.#options.meshConfigMap));
  }

  remove(key: string): void {
    this.#given.gone(key);
    this.#options.store.removeFile(key);
  }

  #discovers(namespace: string): boolean {
    if (namespace === this.#options.rootNamespace || this.#selectors === undefined || this.#selectors.length === 0)
      return true;
    return matchesAny(this.#selectors, this.#namespaces.get(namespace) ?? {});
  }

  #readSelectors(diff: ConfigDiff): void {
    const key = objectKey('MeshConfig', this.#options.rootNamespace, 'istio');
    if (!diff.added.has(key) && !diff.changed.has(key) && !diff.removed.has(key)) return;
    const next = this.#options.store.view.get('MeshConfig', this.#options.rootNamespace, 'istio')?.spec
      .discoverySelectors;
    if (JSON.stringify(next ?? []) === JSON.stringify(this.#selectors ?? [])) return;
    this.#selectors = next;
    this.#membershipChanged();
  }

  /** Rare; what a namespace brings or takes with it is learnt from new lists. */
  #membershipChanged(): void {
    for (const sink of this.#kinds.values()) {
      // The mesh's own ConfigMap is in the root namespace, which is always seen.
      if (!KINDS[sink.kind].namespaced || sink.kind === 'ConfigMap') continue;
      sink.forget();
      sink.reflector.relist();
    }
  }

  #reflectorOptions(kind: KindName) {
    const { client, clock, random, log, rootNamespace, meshConfigMap } = this.#options;
    const selectors =
      kind === 'ConfigMap'
        ? { namespace: rootNamespace, fieldSelector: `metadata.name=${meshConfigMap}` }
        : kind === 'Secret'
          ? { fieldSelector: SECRET_TYPES.map((type) => `type!=${type}`).join(',') }
          : {};
    return { client, clock, random, log: log.scope('kube'), types: typesOf(kind), selectors };
  }
}

function readKinds(): readonly KindName[] {
  const own = (Object.keys(KINDS) as KindName[]).filter((kind) => (KINDS[kind] as KindInfo).origin === 'crd');
  return [...own, ...CORE_KINDS];
}

function typesOf(kind: KindName): readonly [ResourceType, ...ResourceType[]] {
  const { group, versions, plural, manifest, namespaced }: KindInfo = KINDS[kind];
  const types = versions.map((version) => ({ group, version, plural, kind: manifest, namespaced }));
  return types as unknown as readonly [ResourceType, ...ResourceType[]];
}

type SinkReflectorOptions = Omit<ConstructorParameters<typeof Reflector>[0], 'sink'>;

class KindSink implements ReflectorSink {
  readonly kind: KindName;
  readonly reflector: Reflector;
  readonly #source: KubeSource;
  /** Key -> resourceVersion of what the store holds. */
  readonly #known = new Map<string, string>();
  #listing: Set<string> | undefined;
  listed = false;

  constructor(kind: KindName, options: SinkReflectorOptions, source: KubeSource) {
    this.kind = kind;
    this.#source = source;
    this.reflector = new Reflector({ ...options, sink: this });
  }

  get count(): number {
    return this.#known.size;
  }

  /** The next list is taken in whole, whatever the versions. */
  forget(): void {
    for (const key of this.#known.keys()) this.#known.set(key, '');
  }

  begin(): void {
    this.#listing = new Set();
  }

  page(objects: readonly KubeObject[]): void {
    for (const object of objects) {
      const key = this.#put(object);
      if (key !== undefined) this.#listing?.add(key);
    }
  }

  complete(): void {
    const listing = this.#listing ?? new Set();
    this.#listing = undefined;
    for (const key of [...this.#known.keys()]) if (!listing.has(key)) this.#drop(key);
    this.listed = true;
    this.#source.commit();
  }

  events(events: readonly { readonly type: string; readonly object: KubeObject }[]): void {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#drop(this.#keyOf(object));
      else this.#put(object);
    }
    this.#source.commit();
  }

  #keyOf(object: KubeObject): string {
    return objectKey(this.kind, object.metadata.namespace ?? '', object.metadata.name);
  }

  /** The key when the object is ours. */
  #put(object: KubeObject): string | undefined {
    const key = this.#keyOf(object);
    if (this.kind === 'Namespace') this.#source.namespaceSeen(object.metadata.name, object.metadata.labels ?? {});
    if (this.#source.ignores(this.kind, object)) {
      this.#drop(key);
      return undefined;
    }
    const version = object.metadata.resourceVersion ?? '';
    if (version === '' || this.#known.get(key) !== version) {
      this.#known.set(key, version);
      this.#source.set(key, this.kind, object);
    }
    return key;
  }

  #drop(key: string): void {
    if (this.kind === 'Namespace') this.#source.namespaceSeen(key.slice(key.lastIndexOf('/') + 1), undefined);
    if (this.#known.delete(key)) this.#source.remove(key);
  }
}
