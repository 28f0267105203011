// topsail upgrade: says what would change in the cluster's objects and in the configuration of every connected proxy, then installs.
import type { GeneratedBytesJson, GeneratedJson, GeneratedResource } from '#api';
import { type ObjectPlan, planObjects, InstallError } from '#controllers';
import type { KubeObject } from '#kube';
import { controlPlanes, requestIn } from './cluster-mesh.ts';
import { type ClusterFlags, type CliContext, CliError } from './context.ts';
import { install, type InstallOptions } from './install.ts';
import { componentsOf, settingsOf } from './install-settings.ts';
import { planProxies, type ProxyPlan, proxyPlanText } from './upgrade-plan.ts';

export interface UpgradeOptions extends InstallOptions {
  readonly output: string;
}

interface Plan {
  readonly version: string;
  /** Of the control planes that run; empty: none does. */
  readonly running: readonly string[];
  readonly objects: ObjectPlan;
  readonly proxies: readonly ProxyPlan[];
}

/** Paths told of one resource. */
const DETAILS_MAX = 6;
const ASKED_AT_ONCE = 200;

export async function upgrade(context: CliContext, options: UpgradeOptions): Promise<number> {
  const plan = await makePlan(context, options);
  if (options.output === 'json') context.out(`${JSON.stringify(plan, undefined, 2)}\n`);
  else context.out(planText(plan));
  if (options.dryRun === true) return 0;
  return await install(context, options);
}

async function makePlan(context: CliContext, options: UpgradeOptions): Promise<Plan> {
  const settings = await settingsOf(context, options);
  const components = await componentsOf(context, settings);
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-install',
  });
  const { revision, namespace } = settings;
  let objects: ObjectPlan;
  try {
    objects = await planObjects(client, components, revision);
  } catch (error) {
    if (error instanceof InstallError) throw new CliError(`${error.message}\nWhat to do: ${error.remedy}.`);
    throw error;
  }
  const flags = { kubeconfig: options.kubeconfig, context: options.context, istioNamespace: namespace };
  const pods = await runningPods(context, flags, revision);
  const ask = async (pod: string, ...words: readonly string[]): Promise<unknown> =>
    JSON.parse(await requestIn(context, flags, { namespace, pod, container: 'discovery' }, words));
  const running = (await Promise.all(pods.map((pod) => ask(pod, 'GET', '/api/v1/generated')))) as GeneratedJson[];
  const all = components.flatMap((one): readonly KubeObject[] => one.objects);
  const mapName = revision === 'default' ? 'istio' : `istio-${revision}`;
  const proxies =
    running[0] === undefined
      ? []
      : await proxyPlans(running, {
          context,
          flags,
          namespace,
          revision,
          meshConfigMap: all.find((one) => one.kind === 'ConfigMap' && one.metadata.name === mapName),
          bytes: (i, resources) =>
            ask(pods[i] as string, 'POST', '/api/v1/generated/bytes', JSON.stringify({ resources })),
        });
  return { version: context.version, running: running.map((one) => one.version), objects, proxies };
}

/** Those of the revision; a new revision is compared with what is there. */
async function runningPods(context: CliContext, flags: ClusterFlags, revision: string): Promise<readonly string[]> {
  for (const one of [revision, undefined])
    try {
      return await controlPlanes(context, { ...flags, revision: one }, flags.istioNamespace ?? 'istio-system');
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
    }
  return [];
}

interface Asked {
  readonly context: CliContext;
  readonly flags: ClusterFlags;
  readonly namespace: string;
  readonly revision: string;
  readonly meshConfigMap: KubeObject | undefined;
  readonly bytes: (i: number, resources: readonly GeneratedResource[]) => Promise<unknown>;
}

async function proxyPlans(running: readonly GeneratedJson[], asked: Asked): Promise<readonly ProxyPlan[]> {
  const { context, flags, namespace, revision, meshConfigMap } = asked;
  const nodes = running.flatMap(({ proxies }) => proxies.map(({ node }) => node));
  const { resources, decode } = await context.generate({
    flags,
    namespace,
    revision,
    meshConfigMap,
    running: running[0] as GeneratedJson,
    nodes,
  });
  return await planProxies({
    running,
    next: resources,
    decode,
    bytesOf: async (wanted) => {
      const found: (Uint8Array | undefined)[] = wanted.map(() => undefined);
      // Each replica knows its own proxies' resources.
      for (const i of running.keys())
        for (let at = 0; at < wanted.length; at += ASKED_AT_ONCE) {
          const { bytes } = (await asked.bytes(i, wanted.slice(at, at + ASKED_AT_ONCE))) as GeneratedBytesJson;
          for (const [k, one] of bytes.entries()) if (one !== null) found[at + k] = Buffer.from(one, 'base64');
        }
      return found;
    },
  });
}

export function planText({ version, running, objects, proxies }: Plan): string {
  const from = running.length === 0 ? 'no control plane runs' : [...new Set(running)].join(', ');
  const { added, changed, removed, refused, unchanged } = objects;
  const list = (sign: string, names: readonly string[]): string => names.map((name) => `  ${sign} ${name}\n`).join('');
  return [
    `Plan: ${from} -> ${version}\n`,
    `Objects: ${added.length} added, ${changed.length} changed, ${removed.length} removed, ${unchanged} as they are\n`,
    list('+', added),
    list('~', changed),
    list('-', removed),
    list('!', refused),
    running.length === 0 ? 'Proxies: none to compare with\n' : proxyPlanText(proxies, DETAILS_MAX),
  ].join('');
}
