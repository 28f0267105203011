// A compiled RouteConfiguration: finds the virtual host of an authority, then its first matching route. Immutable; a changed virtual host makes a new table that shares all others.

import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { VirtualHost } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import type { RouteChoice } from './compiled.ts';
import { type DomainPattern, DomainTable, stripPort } from './domain-table.ts';
import type { RouteOptions } from './options.ts';
import { CompiledVirtualHost, type TableSettings } from './virtual-host.ts';

/** About a millisecond's work. */
const HOSTS_PER_STEP = 25;

export class RouteTable {
  readonly name: string;
  /** The server asked for virtual hosts to be fetched by themselves. */
  readonly usesVhds: boolean;
  readonly #settings: TableSettings & Pick<RouteConfiguration, 'ignorePortInHostMatching'>;
  readonly #options: RouteOptions;
  readonly #hosts: ReadonlyMap<string, CompiledVirtualHost>;
  readonly #domains: DomainTable<CompiledVirtualHost>;

  private constructor(
    settings: RouteConfiguration,
    hosts: ReadonlyMap<string, CompiledVirtualHost>,
    options: RouteOptions,
  ) {
    this.name = settings.name;
    this.usesVhds = settings.vhds !== undefined;
    this.#settings = settings;
    this.#options = options;
    this.#hosts = hosts;
    this.#domains = new DomainTable(domainsOf(hosts), `route configuration "${settings.name}".virtual_hosts`);
  }

  /** Throws a ConfigError for what Envoy would refuse. */
  static compile(config: RouteConfiguration, options: RouteOptions): RouteTable {
    const steps = RouteTable.compileInSteps(config, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /** As `compile`, pausing between virtual hosts: whoever drives it gives the loop back to the traffic at each pause (design §3b). */
  static *compileInSteps(config: RouteConfiguration, options: RouteOptions): Generator<undefined, RouteTable> {
    warnUnused(config, options);
    const hosts = new Map<string, CompiledVirtualHost>();
    for (const host of config.virtualHosts) {
      if (hosts.has(host.name))
        throw new ConfigError(
          'proxy.field-invalid',
          `route configuration "${config.name}".virtual_hosts`,
          `two have the name "${host.name}"`,
        );
      hosts.set(host.name, new CompiledVirtualHost(host, config, options));
      if (hosts.size % HOSTS_PER_STEP === 0) yield undefined;
    }
    return new RouteTable(config, hosts, options);
  }

  /** A table with these virtual hosts added or replaced and those names gone; no other host is compiled again. */
  withVirtualHosts(changed: Iterable<VirtualHost>, removed: Iterable<string> = []): RouteTable {
    const hosts = new Map(this.#hosts);
    for (const name of removed) hosts.delete(name);
    for (const host of changed) hosts.set(host.name, new CompiledVirtualHost(host, this.#settings, this.#options));
    return new RouteTable(this.#settings as RouteConfiguration, hosts, this.#options);
  }

  get virtualHostNames(): IterableIterator<string> {
    return this.#hosts.keys();
  }

  /** The virtual host that serves this authority, port and case as they came. */
  virtualHostFor(authority: string): CompiledVirtualHost | undefined {
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
  if (config.internalOnlyHeaders.length > 0) options.warn(`${field}.internal_only_headers`, 'has no effect');
  if (config.ignorePathParametersInPathMatching)
    options.warn(`${field}.ignore_path_parameters_in_path_matching`, 'has no effect');
}
