// All services of a configuration by host and namespace, with stable virtual addresses; unchanged services keep their identity.

import type { ConfigObject, ConfigView } from '#config';
import { allocateAddresses } from './allocate-address.ts';
import { convertService, serviceHostname } from './convert-service.ts';
import { convertServiceEntry, hostsToAllocate } from './convert-service-entry.ts';
import { sameHost } from './host.ts';
import { type Service, serviceKey } from './model.ts';

export interface ServiceIndex {
  /** By `serviceKey`. */
  readonly all: ReadonlyMap<string, Service>;
  /** Services of a host, oldest first; the Kubernetes one, if any, before ServiceEntries. */
  readonly byHost: ReadonlyMap<string, readonly Service[]>;
  /** By the object that defines them (`ConfigObject.key`). */
  readonly byObject: ReadonlyMap<string, readonly Service[]>;
  readonly inNamespace: ReadonlyMap<string, readonly Service[]>;
  /** Host of an ExternalName -> host of the Kubernetes service that it is another name of, over as many as lie between. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Host -> allocated address; input of the next build. */
  readonly allocations: ReadonlyMap<string, string>;
  readonly domain: string;
}

/** What one object became; kept by object, because objects are frozen and keep their identity. */
interface Conversion {
  readonly services: readonly Service[];
  readonly fingerprint: string;
}
export type ConversionCache = WeakMap<ConfigObject, Conversion>;

export function buildServiceIndex(
  view: ConfigView,
  options: {
    readonly domain: string;
    readonly former: ServiceIndex | undefined;
    readonly given?: ReadonlyMap<string, string> | undefined;
    readonly cache: ConversionCache;
  },
): ServiceIndex {
  const { domain, cache } = options;
  const core = view.list('Service');
  const entries = view.list('ServiceEntry');
  const wanted: string[] = [];
  for (const object of core) {
    const { clusterIP, clusterIPs, type } = object.spec;
    const own = (clusterIPs ?? []).length > 0 || (clusterIP ?? '') !== '';
    if (!own && type !== 'ExternalName')
      wanted.push(serviceHostname(object.metadata.name, object.metadata.namespace, domain));
  }
  for (const entry of entries) wanted.push(...hostsToAllocate(entry));
  const allocations = allocateAddresses(wanted, options.former?.allocations, options.given);

  const all = new Map<string, Service>();
  const byObject = new Map<string, readonly Service[]>();
  for (const object of core) {
    const allocated = allocations.get(serviceHostname(object.metadata.name, object.metadata.namespace, domain));
    const services = convert(cache, object, allocated ?? '', () => [convertService(object, { domain, allocated })]);
    byObject.set(object.key, services);
    for (const service of services) all.set(serviceKey(service), service);
  }
  for (const entry of entries) {
    const print = (entry.spec.hosts ?? []).map((host) => allocations.get(sameHost(host)) ?? '').join(' ');
    const services = convert(cache, entry, print, () =>
      convertServiceEntry(entry, { allocated: (host) => allocations.get(host) }),
    );
    byObject.set(entry.key, services);
    for (const service of services) addEntryService(all, service);
  }
  return {
    all,
    byHost: group(all, (s) => s.hostname),
    aliases: aliasesOf(all),
    byObject,
    inNamespace: group(all, (s) => s.namespace),
    allocations,
    domain,
  };
}

function convert(
  cache: ConversionCache,
  object: ConfigObject,
  fingerprint: string,
  run: () => readonly Service[],
): readonly Service[] {
  const known = cache.get(object);
  if (known !== undefined && known.fingerprint === fingerprint) return known.services;
  const services = run();
  cache.set(object, { services, fingerprint });
  return services;
}

/** DNS follows no more names than these either. */
const NAMES_FOLLOWED = 8;

function aliasesOf(all: ReadonlyMap<string, Service>): ReadonlyMap<string, string> {
  const inCluster = new Map<string, Service>();
  for (const service of all.values()) if (service.registry === 'Kubernetes') inCluster.set(service.hostname, service);
  const found = new Map<string, string>();
  for (const alias of inCluster.values()) {
    let target: Service | undefined = alias;
    for (let i = 0; i < NAMES_FOLLOWED && target?.externalName !== undefined; i++)
      target = inCluster.get(target.externalName);
    if (target !== undefined && target !== alias && target.externalName === undefined)
      found.set(alias.hostname, target.hostname);
  }
  return found;
}

/** An entry for a Kubernetes service's own host only adds subject alternative names to it (inventory §1.4). */
function addEntryService(all: Map<string, Service>, service: Service): void {
  const key = serviceKey(service);
  const present = all.get(key);
  if (present === undefined) {
    all.set(key, service);
  } else if (present.registry === 'Kubernetes' && service.subjectAltNames.length > 0) {
    all.set(
      key,
      Object.freeze({
        ...present,
        subjectAltNames: [...new Set([...present.subjectAltNames, ...service.subjectAltNames])],
      }),
    );
  }
}

function group(all: ReadonlyMap<string, Service>, by: (service: Service) => string): Map<string, readonly Service[]> {
  const groups = new Map<string, Service[]>();
  for (const service of all.values()) {
    const list = groups.get(by(service));
    if (list === undefined) groups.set(by(service), [service]);
    else list.push(service);
  }
  for (const list of groups.values()) {
    list.sort(
      (a, b) =>
        Number(a.registry !== 'Kubernetes') - Number(b.registry !== 'Kubernetes') ||
        a.createdMs - b.createdMs ||
        (a.namespace < b.namespace ? -1 : 1),
    );
  }
  return groups;
}

/** The service that a client in `namespace` means by `host`: its own namespace's, else the first that is visible. */
export function findService(
  services: readonly Service[] | undefined,
  namespace: string,
  visible: (service: Service) => boolean,
): Service | undefined {
  if (services === undefined) return undefined;
  let first: Service | undefined;
  for (const service of services) {
    if (!visible(service)) continue;
    if (service.namespace === namespace) return service;
    first ??= service;
  }
  return first;
}
