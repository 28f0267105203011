// topsail kube-inject: manifests with the proxy written in, by the cluster's settings or by those of given files.
import { CORE_SCHEMA, dump, load, loadAll } from 'js-yaml';
import { injectManifest, type InjectorConfig } from '#controllers';
import { RESOURCES } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { readManifests } from './read-manifests.ts';
import { settingsOf } from './install-settings.ts';

export interface KubeInjectOptions {
  readonly filename: readonly string[];
  readonly output?: string;
  readonly namespace: string;
  readonly istioNamespace: string;
  readonly revision?: string;
  readonly injectConfigFile?: string;
  readonly meshConfigFile?: string;
  /** Without a cluster: the defaults of this version, or of --set. */
  readonly offline?: boolean;
  readonly set: readonly string[];
  readonly hub?: string;
  readonly tag?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export async function kubeInject(context: CliContext, options: KubeInjectOptions): Promise<number> {
  const texts = await readManifests(context, options.filename);
  const { config, mesh } = await injectionSettings(context, options);
  const out: string[] = [];
  let failed = false;
  for (const { file, text } of texts) {
    for (const document of loadAll(text, { schema: CORE_SCHEMA })) {
      if (document === null || document === undefined) continue;
      const result = injectManifest(document, { config, mesh, namespace: options.namespace });
      if (!result.ok) {
        failed = true;
        for (const { field, message } of result.refusals) context.err(`${file}: ${field}: ${message}\n`);
        continue;
      }
      if (result.note !== undefined) context.err(`! ${result.note}\n`);
      out.push(dump(result.object, { lineWidth: -1, noRefs: true }));
    }
  }
  if (failed) return 1;
  const yaml = out.join('---\n');
  if (options.output === undefined) context.out(yaml);
  else await context.fs.writeText(context.resolvePath(context.cwd, options.output), yaml);
  return 0;
}

interface Settings {
  readonly config: InjectorConfig;
  readonly mesh: Readonly<Record<string, unknown>>;
}

async function injectionSettings(context: CliContext, options: KubeInjectOptions): Promise<Settings> {
  if (options.offline === true || options.injectConfigFile !== undefined) {
    const settings = await settingsOf(context, { filename: [], set: options.set, ...pick(options) });
    const config =
      options.injectConfigFile === undefined
        ? settings.injector
        : ((await readYaml(context, options.injectConfigFile)) as unknown as InjectorConfig);
    return {
      config,
      mesh:
        options.meshConfigFile === undefined ? settings.meshConfig : await readYaml(context, options.meshConfigFile),
    };
  }
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-kube-inject',
  });
  const suffix = options.revision === undefined || options.revision === 'default' ? '' : `-${options.revision}`;
  const data = async (name: string, key: string): Promise<string> => {
    const found = await client.get(RESOURCES.configMaps, { namespace: options.istioNamespace, name });
    if (!found.ok)
      throw new CliError(
        `ConfigMap ${options.istioNamespace}/${name}: ${found.error.message}. Install first, or use --offline.`,
      );
    const text = (found.value['data'] as Record<string, string> | undefined)?.[key];
    if (text === undefined)
      throw new CliError(
        `ConfigMap ${options.istioNamespace}/${name} has no key "${key}": run "topsail install" again.`,
      );
    return text;
  };
  const config = load(await data(`istio-sidecar-injector${suffix}`, 'config'), {
    schema: CORE_SCHEMA,
  }) as InjectorConfig;
  return {
    config,
    mesh: (load(await data(`istio${suffix}`, 'mesh'), { schema: CORE_SCHEMA }) ?? {}) as Settings['mesh'],
  };
}

function pick({ revision, hub, tag }: KubeInjectOptions): { revision?: string; hub?: string; tag?: string } {
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(hub === undefined ? {} : { hub }),
    ...(tag === undefined ? {} : { tag }),
  };
}

async function readYaml(context: CliContext, path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await context.fs.readText(context.resolvePath(context.cwd, path));
  if (text === undefined) throw new CliError(`${path}: no such file.`);
  const value = load(text, { schema: CORE_SCHEMA });
  if (typeof value !== 'object' || value === null) throw new CliError(`${path}: expected a mapping.`);
  return value as Readonly<Record<string, unknown>>;
}
