// A compiled RouteConfiguration: finds the virtual host of an authority, then its first matching route. Immutable; a changed virtual host makes a new table that shares all others.

import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { VirtualHost } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { Steps } from '#base';
import type { MatchInput } from '../matcher/match-input.ts';
import type { RouteChoice } from './compiled.ts';
import { type DomainPattern, DomainTable, stripPort } from './domain-table.ts';
import type { RouteOptions } from './options.ts';
import { CompiledVirtualHost, type TableSettings } from './virtual-host.ts';

export class RouteTable {
  readonly name: string;
  /** The server asked for virtual hosts to be fetched by themselves. */
  readonly usesVhds: boolean;
  /** Names, in lower case, that nobody but internal clients may send. */
  readonly internalOnlyHeaders: readonly string[];
  readonly #settings: TableSettings & Pick<RouteConfiguration, 'ignorePortInHostMatching'>;
  readonly #options: RouteOptions;
  readonly #hosts: ReadonlyMap<string, CompiledVirtualHost>;
  readonly #domains: DomainTable<CompiledVirtualHost>;
  /** Asked for last, and what was found: most proxies are called by few names. */
  #lastAuthority: string | undefined = undefined;
  #lastHost: CompiledVirtualHost | undefined = undefined;

  private constructor(
    settings: RouteConfiguration,
    hosts: ReadonlyMap<string, CompiledVirtualHost>,
    domains: DomainTable<CompiledVirtualHost>,
    options: RouteOptions,
  ) {
    this.name = settings.name;
    this.usesVhds = settings.vhds !== undefined;
    this.internalOnlyHeaders = settings.internalOnlyHeaders.map((name) => name.toLowerCase());
    this.#settings = settings;
    this.#options = options;
    this.#hosts = hosts;
    this.#domains = domains;
  }

  /** Throws a ConfigError for what Envoy would refuse. Pauses after each virtual host. */
  static *compile(config: RouteConfiguration, options: RouteOptions): Steps<RouteTable> {
    warnUnused(config, options);
    const hosts = new Map<string, CompiledVirtualHost>();
    for (const [i, host] of config.virtualHosts.entries()) {
      // Hosts may share a name where their domains differ; those that are fetched by themselves never do.
      const key = hosts.has(host.name) ? `${host.name}#${i}` : host.name;
      hosts.set(key, yield* CompiledVirtualHost.compile(host, config, options));
      yield;
    }
    return yield* RouteTable.#of(config, hosts, options);
  }

  static *#of(
    settings: RouteConfiguration,
    hosts: ReadonlyMap<string, CompiledVirtualHost>,
    options: RouteOptions,
  ): Steps<RouteTable> {
    const field = `route configuration "${settings.name}".virtual_hosts`;
    return new RouteTable(settings, hosts, yield* DomainTable.inSteps(domainsOf(hosts), field), options);
  }

  /**
   * A virtual host of this table, for `withVirtualHosts`. Throws a ConfigError for what Envoy would refuse. With
   * `again`, which reads it once more, it keeps no routes until its first request.
   */
  compileHost(host: VirtualHost, again?: () => VirtualHost): Steps<CompiledVirtualHost> {
    return CompiledVirtualHost.compile(host, this.#settings, this.#options, again);
  }

  /** A table with these virtual hosts added or replaced and those names gone; no other host is compiled again. */
  *withVirtualHosts(changed: Iterable<CompiledVirtualHost>, removed: Iterable<string> = []): Steps<RouteTable> {
    const hosts = new Map(this.#hosts);
    for (const name of removed) hosts.delete(name);
    for (const host of changed) hosts.set(host.name, host);
    return yield* RouteTable.#of(this.#settings as RouteConfiguration, hosts, this.#options);
  }

  get virtualHostNames(): IterableIterator<string> {
    return this.#hosts.keys();
  }

  /** The virtual host that serves this authority, port and case as they came. */
  virtualHostFor(authority: string): CompiledVirtualHost | undefined {
    if (authority === this.#lastAuthority) return this.#lastHost;
    this.#lastHost = this.#hostOf(authority);
    this.#lastAuthority = authority;
    return this.#lastHost;
  }

  #hostOf(authority: string): CompiledVirtualHost | undefined {
    let name = authority.toLowerCase();
    if (this.#settings.ignorePortInHostMatching) name = stripPort(name);
    if (this.#options.stripTrailingHostDot === true) name = withoutTrailingDot(name);
    return this.#domains.find(name);
  }

  /** Undefined: no route (404, flag NR). `random` in [0, 1). */
  choose(input: MatchInput, random: number): RouteChoice | undefined {
    return this.virtualHostFor(input.head.authority)?.choose(input, random);
  }
}

function* domainsOf(
  hosts: ReadonlyMap<string, CompiledVirtualHost>,
): IterableIterator<readonly [readonly DomainPattern[], CompiledVirtualHost]> {
  for (const host of hosts.values()) yield [host.domains, host];
}

/** "a.example.:80" and "a.example." lose the dot. */
function withoutTrailingDot(name: string): string {
  const host = stripPort(name);
  return host.endsWith('.') ? host.slice(0, -1) + name.slice(host.length) : name;
}

function warnUnused(config: RouteConfiguration, options: RouteOptions): void {
  const field = `route configuration "${config.name}"`;
  if (config.clusterSpecifierPlugins.length > 0)
    options.warn(`${field}.cluster_specifier_plugins`, 'cluster specifier plugins are not part of this proxy');
  if (config.ignorePathParametersInPathMatching)
    options.warn(`${field}.ignore_path_parameters_in_path_matching`, 'has no effect');
}
