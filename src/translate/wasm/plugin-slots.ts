// Where listeners hold a place for WasmPlugins: by name only, so that an edit of a plugin touches no listener (ECDS). What stands
// there meanwhile, should nothing come, follows `failStrategy`.

import { type PolicySchema, RBAC_Action } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { ExtensionConfigSourceSchema } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { RBACSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { WasmSchema } from '#proto/envoy/extensions/filters/http/wasm/v3/wasm_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { typeUrlOf } from '#proto';
import { pluginTraffic, type WasmPlugin } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { ADS, any, type Init } from '../encode.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;

export interface PluginSlot {
  readonly name: string;
  /** namespace.name */
  readonly plugin: string;
  readonly phase: 'AUTHN' | 'AUTHZ' | 'STATS' | 'UNSPECIFIED_PHASE';
  readonly ports: 'all' | readonly number[];
  readonly failOpen: boolean;
}

/** In the order of their filters. */
export interface PluginSlots {
  readonly client: readonly PluginSlot[];
  readonly server: readonly PluginSlot[];
}

/** By the place among the policies' filters. */
export interface PluginFilters {
  readonly authn: readonly HttpFilter[];
  readonly authz: readonly HttpFilter[];
  readonly last: readonly HttpFilter[];
}

export const NO_PLUGINS: PluginFilters = { authn: [], authz: [], last: [] };
const NO_SLOTS: PluginSlots = Object.freeze({ client: [], server: [] });

/** Istio's name of the resource, with the misspelling that its tools look for. */
export function pluginResourceName({ metadata }: Pick<WasmPlugin, 'metadata'>): string {
  return `extenstions.istio.io/wasmplugin/${pluginName({ metadata })}`;
}

export function pluginName({ metadata }: Pick<WasmPlugin, 'metadata'>): string {
  return `${metadata.namespace}.${metadata.name}`;
}

/** The same object as long as no listener has to change: it stands in cache keys. */
export function pluginSlots(plugins: readonly WasmPlugin[], cache: TranslationCache): PluginSlots {
  if (plugins.length === 0) return NO_SLOTS;
  const slots = { client: slotsOf(plugins, 'CLIENT'), server: slotsOf(plugins, 'SERVER') };
  return cache.value(['plugin-slots', JSON.stringify(slots)], () => Object.freeze(slots));
}

function slotsOf(plugins: readonly WasmPlugin[], mode: 'CLIENT' | 'SERVER'): readonly PluginSlot[] {
  return plugins.flatMap((plugin) => {
    const ports = pluginTraffic(plugin, mode);
    if (ports === 'none') return [];
    const { phase, failStrategy } = plugin.spec;
    return [
      {
        name: pluginResourceName(plugin),
        plugin: pluginName(plugin),
        phase: phase ?? 'UNSPECIFIED_PHASE',
        ports,
        failOpen: failStrategy === 'FAIL_OPEN',
      },
    ];
  });
}

/** Those for a port; `undefined` where one listener serves all ports: there, only plugins for all of them. */
export function pluginFilters(slots: readonly PluginSlot[], port: number | undefined): PluginFilters {
  const here = slots.filter(({ ports }) => ports === 'all' || (port !== undefined && ports.includes(port)));
  const at = (...phases: readonly PluginSlot['phase'][]): readonly HttpFilter[] =>
    phases.flatMap((one) => here.filter(({ phase }) => phase === one).map(filterOf));
  return { authn: at('AUTHN'), authz: at('AUTHZ'), last: at('STATS', 'UNSPECIFIED_PHASE') };
}

/** Where there are no policies between them. */
export function allPlugins(slots: readonly PluginSlot[], port: number | undefined): readonly HttpFilter[] {
  if (slots.length === 0) return [];
  const { authn, authz, last } = pluginFilters(slots, port);
  return [...authn, ...authz, ...last];
}

function filterOf({ name, plugin, failOpen }: PluginSlot): HttpFilter {
  const value: Init<typeof ExtensionConfigSourceSchema> = {
    configSource: ADS,
    typeUrls: [typeUrlOf(WasmSchema), typeUrlOf(RBACSchema)],
    defaultConfig: withoutModule(plugin, failOpen),
  };
  return { name, configType: { case: 'configDiscovery', value } };
}

/** Lets all pass, or nothing; what is denied is told by the plugin's name. */
export function withoutModule(plugin: string, failOpen: boolean) {
  if (failOpen) return any(RBACSchema, {});
  const everything: Init<typeof PolicySchema> = {
    permissions: [{ rule: { case: 'any', value: true } }],
    principals: [{ identifier: { case: 'any', value: true } }],
  };
  return any(RBACSchema, {
    rules: { action: RBAC_Action.DENY, policies: { [`wasmplugin[${plugin}]`]: everything } },
  });
}
