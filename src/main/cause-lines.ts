// Which line of which object caused a part of a proxy's configuration: routes carry their place, clusters and listeners
// know their objects, and the line is looked up in the text that the configuration keeps.
import type { CauseJson, ConfigCauseJson, HopCausesJson, TapRecordJson } from '#api';
import { causeText, type ObjectRef, readCause, ROUTE_CAUSE, TYPE_URL, type XdsResource } from '#base';
import { type ConfigObject, type ConfigView, locator, objectKey, pathSteps, type Spot } from '#config';
import type { DumpedResource, XdsServer } from '#xds';

type Path = readonly (string | number)[];
type Json = Readonly<Record<string, unknown>>;
type Dump = ReadonlyMap<string, readonly DumpedResource[]>;

export interface CauseLinesParts {
  readonly view: () => ConfigView | undefined;
  /** An object's own text: its document, or the YAML of what a cluster holds. */
  readonly textOf: (key: string) => string | undefined;
}

/** Objects that say where a proxy listens and what is reached, in the order in which they count. */
const LISTENER_KINDS = ['Gateway', 'KubernetesGateway', 'Sidecar', 'Service', 'ServiceEntry'];

export class CauseLines {
  readonly #parts: CauseLinesParts;

  constructor(parts: CauseLinesParts) {
    this.#parts = parts;
  }

  /** `decoded`: the same dump as JSON, by part. */
  ofDump(decoded: Readonly<Record<string, readonly unknown[]>>, dump: Dump): readonly ConfigCauseJson[] {
    const look = new Looker(this.#parts);
    const found: ConfigCauseJson[] = [];
    const add = (part: ConfigCauseJson['part'], of: string, cause: CauseJson | undefined): void => {
      if (cause !== undefined) found.push({ part, of, cause });
    };
    const clusters = new Map<string, CauseJson | undefined>();
    for (const { resource } of dump.get(TYPE_URL.cluster) ?? []) {
      clusters.set(resource.name, look.cluster(resource));
      add('clusters', resource.name, clusters.get(resource.name));
    }
    for (const { resource } of dump.get(TYPE_URL.listener) ?? [])
      add('listeners', resource.name, look.listener(resource));
    for (const table of list(decoded['routes'])) {
      for (const host of list(table['virtualHosts'])) {
        for (const [i, route] of list(host['routes']).entries())
          add('routes', `${text(table['name'])}|${text(host['name'])}|${i}`, look.route(route, clusters));
      }
    }
    return found;
  }

  ofHop(hop: TapRecordJson, cluster: XdsResource | undefined): HopCausesJson {
    const look = new Looker(this.#parts);
    const [route, policy] = [look.place(hop.cause), look.policy(hop.policy)];
    const caused = cluster === undefined ? undefined : look.cluster(cluster);
    return {
      ...(route === undefined ? {} : { route }),
      ...(policy === undefined ? {} : { policy }),
      ...(caused === undefined ? {} : { cluster: caused }),
    };
  }
}

/** The cluster that a hop went to, as its proxy was sent it. */
export function clusterOf(xds: Pick<XdsServer, 'proxies' | 'dump'>, hop: TapRecordJson): XdsResource | undefined {
  for (const { id, parsed } of xds.proxies()) {
    if (parsed?.workload !== hop.workload || parsed.namespace !== hop.namespace) continue;
    return xds
      .dump(id)
      ?.get(TYPE_URL.cluster)
      ?.find(({ resource }) => resource.name === hop.cluster)?.resource;
  }
  return undefined;
}

/** Reads each text once. */
class Looker {
  readonly #parts: CauseLinesParts;
  readonly #view: ConfigView | undefined;
  readonly #spots = new Map<string, ((place: { readonly path: Path }) => Spot) | undefined>();

  constructor(parts: CauseLinesParts) {
    this.#parts = parts;
    this.#view = parts.view();
  }

  /** By `causeText`. */
  place(told: string): CauseJson | undefined {
    const cause = readCause(told);
    if (cause === undefined) return undefined;
    const { kind, namespace, name } = cause.object;
    const key = objectKey(kind, namespace, name);
    const object = this.#view?.get(kind as 'VirtualService', namespace, name);
    if (!this.#spots.has(key)) {
      const whole = this.#parts.textOf(key);
      this.#spots.set(key, whole === undefined ? undefined : locator(whole));
    }
    const textLine = this.#spots.get(key)?.({ path: pathSteps(cause.path) }).line ?? 0;
    const file = object?.source.file ?? '';
    const line = textLine === 0 || file === '' ? textLine : (object?.source.line ?? 1) + textLine - 1;
    return { kind, namespace, name, path: cause.path, file, line, textLine };
  }

  policy(rule: string): CauseJson | undefined {
    const [, namespace = '', name = '', index = ''] =
      /^ns\[([^\]]+)\]-policy\[([^\]]+)\]-rule\[(\d+)\]/.exec(rule) ?? [];
    if (name === '') return undefined;
    return this.place(causeText({ kind: 'AuthorizationPolicy', namespace, name }, `spec.rules[${index}]`));
  }

  route(route: Json, clusters: ReadonlyMap<string, CauseJson | undefined>): CauseJson | undefined {
    const told = text(
      record(record(record(route['metadata'])['filterMetadata'])[ROUTE_CAUSE.namespace])[ROUTE_CAUSE.key],
    );
    // Without a VirtualService it is there because its service is.
    return told === '' ? clusters.get(text(record(route['route'])['cluster'])) : this.place(told);
  }

  /** The rule's subset or policy where one shapes it, else the port of the service. */
  cluster({ name, origins }: XdsResource): CauseJson | undefined {
    const [, port = '', subset = ''] = name.split('|');
    for (const origin of origins.filter(({ kind }) => kind === 'DestinationRule')) {
      const spec = record(this.#object(origin)?.spec);
      const index = subset === '' ? -1 : list(spec['subsets']).findIndex((one) => one['name'] === subset);
      if (index >= 0) return this.place(causeText(origin, `spec.subsets[${index}]`));
      if (subset === '' && spec['trafficPolicy'] !== undefined)
        return this.place(causeText(origin, 'spec.trafficPolicy'));
    }
    const owner = origins.find(({ kind }) => LISTENER_KINDS.includes(kind));
    return owner === undefined ? undefined : this.place(causeText(owner, this.#portPath(owner, Number(port))));
  }

  listener({ name, origins }: XdsResource): CauseJson | undefined {
    const owner = LISTENER_KINDS.map((kind) => origins.find((origin) => origin.kind === kind)).find(
      (one) => one !== undefined,
    );
    const port = Number(/_(\d+)$/.exec(name)?.[1] ?? 0);
    return owner === undefined ? undefined : this.place(causeText(owner, this.#portPath(owner, port)));
  }

  #object({ kind, namespace, name }: ObjectRef): ConfigObject | undefined {
    return this.#view?.get(kind as 'VirtualService', namespace, name);
  }

  #portPath(owner: ObjectRef, port: number): string {
    const spec = record(this.#object(owner)?.spec);
    const field = owner.kind === 'Gateway' ? 'servers' : owner.kind === 'KubernetesGateway' ? 'listeners' : 'ports';
    const all = list(spec[field]);
    const index = all.findIndex((one) => [one['port'], one['number'], record(one['port'])['number']].includes(port));
    if (index >= 0) return `spec.${field}[${index}]`;
    return all.length === 1 ? `spec.${field}[0]` : all.length === 0 ? 'spec' : `spec.${field}`;
  }
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
