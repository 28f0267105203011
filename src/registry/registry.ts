// Holds services, workloads and endpoints as configuration and health reports change; endpoint changes touch only the services they concern.

import type { ConfigView } from '#config';
import { convertInlineEndpoint, convertWorkloadEntry } from './convert-workload.ts';
import { buildEndpoints, NO_ENDPOINTS } from './endpoint-index.ts';
import type { CoreEndpointSlice, ServiceEntry, WorkloadEntry } from './kinds.ts';
import { type Service, type ServiceEndpoints, serviceKey, type Workload } from './model.ts';
import { buildServiceIndex, type ConversionCache, type ServiceIndex } from './service-index.ts';
import { labelsMatch } from './visibility.ts';

export type EndpointIndex = ReadonlyMap<string, ServiceEndpoints>;

export interface RegistryView {
  readonly services: ServiceIndex;
  /** By `serviceKey`; services without endpoints are absent. */
  readonly endpoints: EndpointIndex;
}

export interface EndpointChange {
  readonly view: RegistryView;
  /** `serviceKey` of the services whose endpoints differ. */
  readonly changed: ReadonlySet<string>;
}

/** `workload` undefined: the pod is gone. */
export interface PodChange {
  readonly namespace: string;
  readonly name: string;
  readonly workload: Workload | undefined;
}

/** Kinds whose change never reaches further than endpoints: they take the fast lane. */
export const ENDPOINT_KINDS: ReadonlySet<string> = new Set(['WorkloadEntry', 'Endpoints', 'EndpointSlice']);

export class Registry {
  readonly #domain: string;
  readonly #cluster: string;
  readonly #given: (() => ReadonlyMap<string, string>) | undefined;
  readonly #cache: ConversionCache = new WeakMap();
  readonly #unhealthy = new Set<string>();
  #workloads = new Map<string, Workload>();
  #byNamespace = new Map<string, Map<string, Workload>>();
  #byAddress = new Map<string, Workload>();
  /** By namespace, then name. Readiness comes from EndpointSlices: a Service never selects a pod by itself. */
  readonly #pods = new Map<string, Map<string, Workload>>();
  #view: RegistryView | undefined;
  #config: ConfigView | undefined;

  constructor(options: {
    readonly domain: string;
    readonly cluster: string;
    readonly given?: () => ReadonlyMap<string, string>;
  }) {
    this.#given = options.given;
    this.#domain = options.domain;
    this.#cluster = options.cluster;
  }

  get view(): RegistryView | undefined {
    return this.#view;
  }

  get workloads(): ReadonlyMap<string, Workload> {
    return this.#workloads;
  }

  /** WorkloadEntries, and all pods that have an address. */
  *running(): Iterable<Workload> {
    yield* this.#workloads.values();
    for (const pods of this.#pods.values()) yield* pods.values();
  }

  /** Reads everything anew; what did not change keeps its identity. */
  rebuild(config: ConfigView): EndpointChange {
    this.#config = config;
    const services = buildServiceIndex(config, {
      domain: this.#domain,
      former: this.#view?.services,
      given: this.#given?.(),
      cache: this.#cache,
    });
    const present = new Set<string>();
    for (const entry of config.list('WorkloadEntry')) {
      present.add(entry.key);
      this.#put(entry);
    }
    for (const key of [...this.#workloads.keys()]) if (!present.has(key)) this.#drop(key);
    return this.#reindex(services, services.all.values());
  }

  /** The fast lane: `keys` of objects of ENDPOINT_KINDS that were added, changed or removed. */
  updateEndpoints(config: ConfigView, keys: Iterable<string>): EndpointChange {
    const view = this.#view;
    if (view === undefined) return this.rebuild(config);
    const former = this.#config;
    this.#config = config;
    const touched = new Map<string, Service>();
    for (const key of keys) {
      const [kind = '', namespace = '', name = ''] = key.split('/');
      if (kind === 'WorkloadEntry') {
        this.#touch(this.#workloads.get(key), view.services, touched);
        const entry = config.get('WorkloadEntry', namespace, name);
        if (entry === undefined) this.#drop(key);
        else this.#put(entry);
        this.#touch(this.#workloads.get(key), view.services, touched);
      } else {
        const names = kind === 'Endpoints' ? [name] : [former, config].map((one) => sliceOwner(one, namespace, name));
        for (const service of view.services.inNamespace.get(namespace) ?? [])
          if (names.includes(service.name)) touched.set(serviceKey(service), service);
      }
    }
    return this.#reindex(view.services, touched.values(), view);
  }

  /** An agent's report. `key` is the WorkloadEntry's `ConfigObject.key`. Undefined when it changes nothing. */
  setHealth(key: string, healthy: boolean): EndpointChange | undefined {
    if (healthy !== this.#unhealthy.has(key) || this.#config === undefined) return undefined;
    if (healthy) this.#unhealthy.delete(key);
    else if (this.#workloads.has(key)) this.#unhealthy.add(key);
    else return undefined;
    return this.updateEndpoints(this.#config, [key]);
  }

  /** Pods that came, changed or went. Undefined when no endpoint can differ. */
  setPods(changes: Iterable<PodChange>): EndpointChange | undefined {
    const touched = new Map<string, Service>();
    const { services } = this.#view ?? {};
    for (const { namespace, name, workload } of changes) {
      const pods = this.#pods.get(namespace) ?? new Map<string, Workload>();
      const former = pods.get(name);
      if (former !== undefined && this.#byAddress.get(former.address) === former)
        this.#byAddress.delete(former.address);
      if (workload === undefined) pods.delete(name);
      else {
        pods.set(name, workload);
        this.#byAddress.set(workload.address, workload);
      }
      if (pods.size === 0) this.#pods.delete(namespace);
      else this.#pods.set(namespace, pods);
      if (services === undefined) continue;
      for (const service of services.inNamespace.get(namespace) ?? []) {
        const { selector } = service;
        const fits = (pod: Workload | undefined): boolean => pod !== undefined && labelsMatch(selector, pod.labels);
        if (fits(former) || fits(workload)) touched.set(serviceKey(service), service);
      }
    }
    const view = this.#view;
    return view === undefined || touched.size === 0 ? undefined : this.#reindex(view.services, touched.values(), view);
  }

  #put(entry: WorkloadEntry): void {
    const former = this.#workloads.get(entry.key);
    const healthy = !this.#unhealthy.has(entry.key);
    const workload = convertWorkloadEntry(entry, { healthy, cluster: this.#cluster });
    if (former !== undefined && former.address !== workload.address) this.#byAddress.delete(former.address);
    this.#workloads.set(entry.key, workload);
    this.#byAddress.set(workload.address, workload);
    const namespace = this.#byNamespace.get(workload.namespace);
    if (namespace === undefined) this.#byNamespace.set(workload.namespace, new Map([[entry.key, workload]]));
    else namespace.set(entry.key, workload);
  }

  #drop(key: string): void {
    const workload = this.#workloads.get(key);
    if (workload === undefined) return;
    this.#workloads.delete(key);
    this.#unhealthy.delete(key);
    this.#byNamespace.get(workload.namespace)?.delete(key);
    if (this.#byAddress.get(workload.address) === workload) this.#byAddress.delete(workload.address);
  }

  #touch(workload: Workload | undefined, services: ServiceIndex, touched: Map<string, Service>): void {
    if (workload === undefined) return;
    for (const service of services.inNamespace.get(workload.namespace) ?? []) {
      if (service.selector !== undefined && labelsMatch(service.selector, workload.labels))
        touched.set(serviceKey(service), service);
    }
  }

  #reindex(services: ServiceIndex, all: Iterable<Service>, base?: RegistryView): EndpointChange {
    const touched = [...all];
    const former = this.#view?.endpoints ?? new Map<string, ServiceEndpoints>();
    const endpoints = new Map(base?.endpoints ?? []);
    const changed = new Set<string>();
    const slices = this.#slicesByService(new Set(touched.map(({ name }) => name)));
    for (const service of touched) {
      const key = serviceKey(service);
      const before = former.get(key);
      const next = this.#endpointsOf(service, slices, before);
      if (next === NO_ENDPOINTS) endpoints.delete(key);
      else endpoints.set(key, next);
      if (next !== (before ?? NO_ENDPOINTS)) changed.add(key);
    }
    for (const key of former.keys()) if (!services.all.has(key)) changed.add(key);
    this.#view = Object.freeze({ services, endpoints });
    return { view: this.#view, changed };
  }

  #endpointsOf(
    service: Service,
    slices: ReadonlyMap<string, CoreEndpointSlice[]>,
    former: ServiceEndpoints | undefined,
  ): ServiceEndpoints {
    const config = this.#config as ConfigView;
    const kubernetes = service.registry === 'Kubernetes';
    return buildEndpoints(
      service,
      {
        workloads: this.#candidates(service),
        inline: kubernetes ? [] : this.#inline(service),
        endpoints: kubernetes ? config.get('Endpoints', service.namespace, service.name) : undefined,
        slices: kubernetes ? (slices.get(`${service.namespace}/${service.name}`) ?? []) : [],
        workloadAt: (address) => this.#byAddress.get(address),
        pod: (namespace, name) => this.#pods.get(namespace)?.get(name),
      },
      former,
    );
  }

  /** A ServiceEntry's workloadSelector chooses WorkloadEntries and pods; a Service's pods come by its slices. */
  #candidates(service: Service): Iterable<Workload> {
    const entries = this.#byNamespace.get(service.namespace)?.values() ?? [];
    if (service.registry === 'Kubernetes' || service.selector === undefined) return entries;
    return [...entries, ...(this.#pods.get(service.namespace)?.values() ?? [])];
  }

  #inline(service: Service): readonly Workload[] {
    const entry: ServiceEntry | undefined = this.#config?.get('ServiceEntry', service.namespace, service.name);
    return (entry?.spec.endpoints ?? []).map((spec, index) =>
      convertInlineEndpoint(entry as ServiceEntry, spec, { index, cluster: this.#cluster }),
    );
  }

  /** Of services with these names; most changes concern one of thousands. */
  #slicesByService(names: ReadonlySet<string>): ReadonlyMap<string, CoreEndpointSlice[]> {
    const found = new Map<string, CoreEndpointSlice[]>();
    for (const slice of this.#config?.list('EndpointSlice') ?? []) {
      const service = slice.metadata.labels[SLICE_OWNER];
      if (service === undefined || !names.has(service)) continue;
      const key = `${slice.metadata.namespace}/${service}`;
      const list = found.get(key);
      if (list === undefined) found.set(key, [slice]);
      else list.push(slice);
    }
    return found;
  }
}

const SLICE_OWNER = 'kubernetes.io/service-name';

/** The service that an EndpointSlice is of. */
function sliceOwner(config: ConfigView | undefined, namespace: string, name: string): string | undefined {
  return config?.get('EndpointSlice', namespace, name)?.metadata.labels[SLICE_OWNER];
}
