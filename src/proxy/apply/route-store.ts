// Route configurations by name, compiled once for all connection managers that follow them; virtual hosts may come by themselves.

import type { Any } from '@bufbuild/protobuf/wkt';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { FilterConfig } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { Logger } from '#base';
import { ConfigError } from '../errors.ts';
import type { RouteSource } from '../http/manager-config.ts';
import { type RouteOptions, RouteTable } from '../route/index.ts';
import { decodeMessage, typeNameOf } from './decode.ts';
import { type ExtensionRegistry, unknownExtension } from './extensions.ts';

const FILTER_CONFIG = 'envoy.config.route.v3.FilterConfig';

export class RouteStore {
  readonly #sources = new Map<string, RouteSource>();
  readonly #options: RouteOptions;

  constructor(extensions: ExtensionRegistry, log: Logger) {
    this.#options = {
      decodeFilterConfig: (name, config, field) => decodeRouteConfig(extensions, name, config, field, log),
      warn: (field, reason) => log.warn('route setting has no effect', { field, reason }),
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

function decodeRouteConfig(extensions: ExtensionRegistry, name: string, config: Any, field: string, log: Logger): unknown {
  let any = config;
  let optional = false;
  if (typeNameOf(any.typeUrl) === FILTER_CONFIG) {
    const wrapped = decodeMessage<FilterConfig>(any.typeUrl, any.value, field);
    optional = wrapped.isOptional;
    if (wrapped.disabled) log.warn('route setting has no effect', { field, reason: 'a filter can not be disabled per route' });
    if (wrapped.config === undefined) return undefined;
    any = wrapped.config;
  }
  // Per-route types stand beside the filter's own: "…filters.http.cors.v3.CorsPolicy" and "….Cors".
  const area = packageOf(any.typeUrl);
  for (const extension of extensions.httpFilters) {
    if (packageOf(extension.typeUrl) === area) return extension.routeConfig?.(any.value, any.typeUrl);
  }
  if (optional) return undefined;
  throw new ConfigError('proxy.field-invalid', field, unknownExtension(name, any.typeUrl));
}

function packageOf(typeUrl: string): string {
  const name = typeNameOf(typeUrl);
  return name.slice(0, name.lastIndexOf('.'));
}
