// Decodes typed_per_filter_config: by the type's package, because a filter's per-route types stand beside its own.

import type { Any } from '@bufbuild/protobuf/wkt';
import type { FilterConfig } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import { FILTER_DISABLED } from '../http/filter-disabled.ts';
import type { HttpFilterExtension } from '../http/filter.ts';
import { decodeMessage, typeNameOf } from './decode.ts';
import { type ExtensionRegistry, unknownExtension } from './extensions.ts';

const WRAPPER = 'envoy.config.route.v3.FilterConfig';

/** Undefined: an optional configuration of a filter that this proxy has not. */
export function decodeRouteFilterConfig(
  extensions: ExtensionRegistry,
  filterName: string,
  config: Any,
  field: string,
  place: string,
): unknown {
  if (typeNameOf(config.typeUrl) !== WRAPPER) {
    const extension = extensionOf(extensions, config.typeUrl);
    if (extension?.routeConfig === undefined)
      throw new ConfigError('proxy.field-invalid', field, unknownExtension(filterName, config.typeUrl));
    return extension.routeConfig(config.value, config.typeUrl, place);
  }
  const wrapper = decodeMessage<FilterConfig>(config.typeUrl, config.value, field);
  if (wrapper.disabled) return FILTER_DISABLED;
  if (wrapper.config === undefined) return undefined;
  if (wrapper.isOptional && extensionOf(extensions, wrapper.config.typeUrl) === undefined) return undefined;
  return decodeRouteFilterConfig(extensions, filterName, wrapper.config, field, place);
}

function extensionOf(extensions: ExtensionRegistry, typeUrl: string): HttpFilterExtension | undefined {
  const exact = extensions.httpFilter(typeUrl);
  if (exact !== undefined) return exact;
  const area = packageOf(typeUrl);
  for (const extension of extensions.httpFilters) if (packageOf(extension.typeUrl) === area) return extension;
  return undefined;
}

function packageOf(typeUrl: string): string {
  const name = typeNameOf(typeUrl);
  return name.slice(0, name.lastIndexOf('.'));
}
