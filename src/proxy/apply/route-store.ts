// Route configurations by name, compiled once for all connection managers that follow them. A table whose virtual hosts
// come by themselves (VHDS) is not in force before they came: nobody may see it half empty.

import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { VirtualHost } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { type Logger, runAtOnce, type Steps, TYPE_URL } from '#base';
import type { RouteSource } from '../http/manager-config.ts';
import { type CompiledVirtualHost, type RouteOptions, RouteTable } from '../route/index.ts';
import { decodeInSteps, decodeMessage } from './decode.ts';
import type { ExtensionRegistry } from './extensions.ts';
import type { NamedResource, ResourceReject } from './named-resource.ts';
import { decodeRouteFilterConfig } from './route-filter-config.ts';

/** A virtual host of so many bytes, some ten routes, is made by its first request: most are never asked for. */
const RESTING_BYTES = 8 * 1024;

/** Virtual hosts of one table that came or went in one batch. */
interface HostChange {
  readonly added: NamedResource[];
  readonly removed: string[];
}

export class RouteStore {
  readonly #sources = new Map<string, RouteSource>();
  /** By where the table stands in the configuration. */
  readonly #options: (place: string) => RouteOptions;
  /** Tables that wait for their virtual hosts. */
  readonly #bare = new Map<string, RouteTable>();
  /** Encoded virtual hosts by table, then by resource name. */
  readonly #hosts = new Map<string, Map<string, Uint8Array>>();

  constructor(extensions: ExtensionRegistry, log: Logger) {
    const warn = (field: string, reason: string): void => log.warn('route setting has no effect', { field, reason });
    this.#options = (place) => ({
      decodeFilterConfig: (name, config, field) =>
        decodeRouteFilterConfig(extensions, name, config, field, `${place}.${field}`),
      warn,
    });
  }

  /** Of a listener that brings its routes itself. */
  compile(config: RouteConfiguration, place: string): RouteTable {
    return runAtOnce(RouteTable.compile(config, this.#options(place)));
  }

  /** The source of that name; without a table until one arrives. */
  byName(name: string): RouteSource {
    let source = this.#sources.get(name);
    if (source === undefined) this.#sources.set(name, (source = { name, current: undefined }));
    return source;
  }

  names(): Iterable<string> {
    return this.#sources.keys();
  }

  /** Names of tables that wait for their virtual hosts. */
  waiting(): Iterable<string> {
    return this.#bare.keys();
  }

  *set(config: RouteConfiguration): Steps<void> {
    const table = yield* RouteTable.compile(config, this.#options(`route configuration "${config.name}"`));
    const hosts = this.#hosts.get(config.name);
    if (!table.usesVhds) this.#put(config.name, table);
    else if (hosts === undefined) this.#bare.set(config.name, table);
    else {
      const compiled: CompiledVirtualHost[] = [];
      for (const [name, bytes] of hosts) compiled.push(yield* compileHost(table, name, bytes));
      this.#put(config.name, yield* table.withVirtualHosts(compiled));
    }
  }

  remove(name: string): void {
    this.#bare.delete(name);
    this.byName(name).current = undefined;
  }

  /** All of a batch, so that a domain may move from one host to another. Names what is refused. */
  *setHosts(added: readonly NamedResource[], removed: readonly string[]): Steps<ResourceReject[]> {
    const rejects: ResourceReject[] = [];
    for (const [table, change] of byTable(added, removed)) rejects.push(...(yield* this.#change(table, change)));
    return rejects;
  }

  *#change(name: string, { added, removed }: HostChange): Steps<readonly ResourceReject[]> {
    const rejects: ResourceReject[] = [];
    const base = this.#bare.get(name) ?? this.#sources.get(name)?.current;
    const accepted: NamedResource[] = [];
    const compiled: CompiledVirtualHost[] = [];
    for (const resource of added) {
      try {
        if (base?.usesVhds === true) compiled.push(yield* compileHost(base, resource.name, resource.bytes));
        else yield* decodeHost(resource.name, resource.bytes);
        accepted.push(resource);
      } catch (error) {
        rejects.push({ name: resource.name, detail: (error as Error).message });
      }
      yield;
    }
    const hosts = new Map(this.#hosts.get(name));
    for (const gone of removed) hosts.delete(gone);
    for (const { name: host, bytes } of accepted) hosts.set(host, bytes);
    if (hosts.size === 0) {
      // A table always has a host for what nobody knows: without any it is about to go, and serves until it does.
      this.#hosts.delete(name);
      return rejects;
    }
    if (base?.usesVhds === true) {
      try {
        this.#put(name, yield* base.withVirtualHosts(compiled, removed.map(hostName)));
      } catch (error) {
        const detail = (error as Error).message;
        return [...rejects, ...accepted.map((resource) => ({ name: resource.name, detail }))];
      }
    }
    this.#hosts.set(name, hosts);
    return rejects;
  }

  #put(name: string, table: RouteTable): void {
    this.#bare.delete(name);
    this.byName(name).current = table;
  }
}

function* compileHost(table: RouteTable, name: string, bytes: Uint8Array): Steps<CompiledVirtualHost> {
  const again = (): VirtualHost => decodeMessage(TYPE_URL.virtualHost, bytes, `virtual host "${name}"`);
  return yield* table.compileHost(yield* decodeHost(name, bytes), bytes.length > RESTING_BYTES ? undefined : again);
}

function decodeHost(name: string, bytes: Uint8Array): Steps<VirtualHost> {
  return decodeInSteps<VirtualHost>(TYPE_URL.virtualHost, bytes, `virtual host "${name}"`);
}

/** "<route configuration>/<virtual host>", as VHDS names them. */
function byTable(added: readonly NamedResource[], removed: readonly string[]): Map<string, HostChange> {
  const changes = new Map<string, HostChange>();
  const of = (name: string): HostChange => {
    const table = name.slice(0, name.indexOf('/'));
    let change = changes.get(table);
    if (change === undefined) changes.set(table, (change = { added: [], removed: [] }));
    return change;
  };
  for (const resource of added) of(resource.name).added.push(resource);
  for (const name of removed) of(name).removed.push(name);
  return changes;
}

function hostName(resource: string): string {
  return resource.slice(resource.indexOf('/') + 1);
}
