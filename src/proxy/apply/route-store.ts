// Route configurations by name, compiled once for all connection managers that follow them; virtual hosts may come by themselves.

import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { Logger } from '#base';
import type { RouteSource } from '../http/manager-config.ts';
import { type RouteOptions, RouteTable } from '../route/index.ts';
import type { ExtensionRegistry } from './extensions.ts';
import { decodeRouteFilterConfig } from './route-filter-config.ts';

export class RouteStore {
  readonly #sources = new Map<string, RouteSource>();
  readonly #options: RouteOptions;

  constructor(extensions: ExtensionRegistry, log: Logger) {
    const warn = (field: string, reason: string): void => log.warn('route setting has no effect', { field, reason });
    this.#options = {
      decodeFilterConfig: (name, config, field) => decodeRouteFilterConfig(extensions, name, config, field),
      warn,
    };
  }

  compile(config: RouteConfiguration): RouteTable {
    return RouteTable.compile(config, this.#options);
  }

  /** The source of that name; without a table until one arrives. */
  byName(name: string): RouteSource {
    let source = this.#sources.get(name);
    if (source === undefined) this.#sources.set(name, (source = { name, current: undefined }));
    return source;
  }

  set(name: string, table: RouteTable | undefined): void {
    this.byName(name).current = table;
  }

  names(): Iterable<string> {
    return this.#sources.keys();
  }
}
