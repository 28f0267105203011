// WasmPlugins as the filters that a proxy's listeners name: Envoy's Wasm filter with the module in it, or the file's name; what
// `failStrategy` says where there is no module to be had; nothing as long as one is awaited.

import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { XdsResource } from '#base';
import { moduleSource, refOf } from '#config';
import type { AsyncDataSourceSchema } from '#proto/envoy/config/core/v3/base_pb.ts';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { WasmSchema } from '#proto/envoy/extensions/filters/http/wasm/v3/wasm_pb.ts';
import { FailurePolicy, type VmConfigSchema } from '#proto/envoy/extensions/wasm/v3/wasm_pb.ts';
import type { SettledPlugin, Snapshot } from '#push';
import { type WasmPlugin, wasmPluginsOf } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { any, type Init, resource } from '../encode.ts';
import type { ProxyView } from '../proxy-view.ts';
import { pluginName, pluginResourceName, withoutModule } from './plugin-slots.ts';

const NONE: ReadonlyMap<string, XdsResource> = new Map();
const FAILURE = {
  FAIL_CLOSE: FailurePolicy.FAIL_CLOSED,
  FAIL_OPEN: FailurePolicy.FAIL_OPEN,
  FAIL_RELOAD: FailurePolicy.FAIL_RELOAD,
} as const;

export function pluginResources(
  snapshot: Snapshot,
  proxy: ProxyView,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const plugins = wasmPluginsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  if (plugins.length === 0) return NONE;
  const made = plugins.flatMap((plugin) => resourceOf(plugin, snapshot.plugins.get(plugin.key), cache) ?? []);
  return new Map(made.map((one) => [one.name, one]));
}

/** Modules are large: what is made of one goes with it. */
function resourceOf(
  plugin: WasmPlugin,
  settled: SettledPlugin | undefined,
  cache: TranslationCache,
): XdsResource | undefined {
  const source = moduleSource(plugin.spec.url);
  if (source.ok && source.value.kind === 'file') {
    const { path } = source.value;
    return cache.owned(plugin, ['wasm'], () =>
      extension(
        plugin,
        filter(plugin, { specifier: { case: 'local', value: { specifier: { case: 'filename', value: path } } } }),
      ),
    );
  }
  if (settled === undefined) return undefined;
  const { plugin: inForce, module } = settled;
  return cache.owned(settled, ['wasm'], () =>
    extension(
      inForce,
      module === undefined
        ? withoutModule(pluginName(inForce), inForce.spec.failStrategy === 'FAIL_OPEN')
        : filter(inForce, {
            specifier: { case: 'local', value: { specifier: { case: 'inlineBytes', value: module.code } } },
          }),
    ),
  );
}

function extension(plugin: WasmPlugin, typedConfig: ReturnType<typeof any>): XdsResource {
  const name = pluginResourceName(plugin);
  return resource(TypedExtensionConfigSchema, name, { name, typedConfig }, [refOf(plugin)]);
}

function filter({ metadata, spec }: WasmPlugin, code: Init<typeof AsyncDataSourceSchema>) {
  const { pluginConfig, pluginName, failStrategy } = spec;
  return any(WasmSchema, {
    config: {
      name: `${metadata.namespace}.${metadata.name}`,
      rootId: pluginName ?? '',
      vm: { case: 'vmConfig', value: { runtime: 'envoy.wasm.runtime.v8', code, ...environment(spec) } },
      ...(pluginConfig === undefined ? {} : { configuration: text(JSON.stringify(pluginConfig)) }),
      failurePolicy: FAILURE[failStrategy ?? 'FAIL_CLOSE'],
    },
  });
}

function environment({ vmConfig }: WasmPlugin['spec']): Pick<Init<typeof VmConfigSchema>, 'environmentVariables'> {
  const env = vmConfig?.env ?? [];
  if (env.length === 0) return {};
  const inline = env.filter(({ valueFrom }) => valueFrom !== 'HOST');
  return {
    environmentVariables: {
      hostEnvKeys: env.filter(({ valueFrom }) => valueFrom === 'HOST').map(({ name }) => name),
      keyValues: Object.fromEntries(inline.map(({ name, value }) => [name, value ?? ''])),
    },
  };
}

function text(value: string) {
  return {
    typeUrl: 'type.googleapis.com/google.protobuf.StringValue',
    value: toBinary(StringValueSchema, create(StringValueSchema, { value })),
  };
}
