// Filters that come by themselves (ECDS): what is known of them, and how they take their place in a listener before it is compiled.
// A listener whose filters have not come waits, as Envoy's does: without them it would let in what they refuse.

import type { ExtensionConfigSource } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import type { TypedExtensionConfig } from '#proto/envoy/config/core/v3/extension_pb.ts';
import type { Filter } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { FilterChainConfig } from '#proto/envoy/extensions/filters/http/filter_chain/v3/filter_chain_pb.ts';
import type { HttpFilter } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../errors.ts';
import { decodeMessage, typeNameOf } from './decode.ts';

const FILTER_CHAIN = 'envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig';

/** A listener names a filter that has not come and has no default. */
export class MissingFilter extends Error {
  constructor(name: string) {
    super(`the filter "${name}" has not come`);
    this.name = 'MissingFilter';
  }
}

export class DiscoveredFilters {
  readonly #configs = new Map<string, Any | undefined>();

  get(name: string): Any | undefined {
    return this.#configs.get(name);
  }

  /** Undefined: it was asked for, and there is none, or none that is good: a default takes its place. */
  set(name: string, config: Any | undefined): void {
    this.#configs.set(name, config);
  }

  /** What one listener sees, and which names it looked for. */
  look(): FilterLook {
    return new FilterLook(this.#configs);
  }
}

export class FilterLook {
  readonly names = new Set<string>();
  readonly #configs: ReadonlyMap<string, Any | undefined>;

  constructor(configs: ReadonlyMap<string, Any | undefined>) {
    this.#configs = configs;
  }

  /** With every filter in its place, those of chains of filters one by one. */
  httpFilters(filters: readonly HttpFilter[], field: string): HttpFilter[] {
    return filters.flatMap((filter, i) => {
      const at = `${field}[${i}] "${filter.name}"`;
      return opened(this.#resolve(filter, at), at);
    });
  }

  networkFilter(filter: Filter, field: string): Filter {
    return this.#resolve(filter, field);
  }

  #resolve<F extends HttpFilter | Filter>(filter: F, field: string): F {
    if (filter.configType.case !== 'configDiscovery') return filter;
    const source = filter.configType.value;
    this.names.add(filter.name);
    const byDefault = source.applyDefaultConfigWithoutWarming || this.#configs.has(filter.name);
    const value = this.#configs.get(filter.name) ?? (byDefault ? source.defaultConfig : undefined);
    if (value === undefined) throw new MissingFilter(filter.name);
    checkType(source, value, field);
    return { ...filter, configType: { case: 'typedConfig', value } };
  }
}

function checkType({ typeUrls }: ExtensionConfigSource, { typeUrl }: Any, field: string): void {
  if (typeUrls.some((one) => typeNameOf(one) === typeNameOf(typeUrl))) return;
  throw new ConfigError(
    'proxy.field-invalid',
    field,
    `is "${typeNameOf(typeUrl)}", and the listener takes ${typeUrls.map((one) => `"${typeNameOf(one)}"`).join(', ')}`,
  );
}

function opened(filter: HttpFilter, field: string): HttpFilter[] {
  const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  if (config === undefined || typeNameOf(config.typeUrl) !== FILTER_CHAIN || filter.disabled) return [filter];
  const chain = decodeMessage<FilterChainConfig>(config.typeUrl, config.value, field).defaultFilterChain;
  return (chain?.filters ?? []).flatMap((inner: TypedExtensionConfig, i) => {
    const at = `${field}.default_filter_chain.filters[${i}] "${inner.name}"`;
    if (inner.typedConfig === undefined) throw new ConfigError('proxy.field-required', `${at}.typed_config`);
    return opened({ ...filter, name: inner.name, configType: { case: 'typedConfig', value: inner.typedConfig } }, at);
  });
}
