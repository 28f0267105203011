// The mesh of a cluster as commands ask it: each replica of the control plane answers by exec in its pod, where its API listens on
// loopback only; what every replica knows a part of is put together.
import { NODE_PATH, TOPSAIL_FOLDER } from '#controllers';
import { type KubeObject, RESOURCES } from '#kube';
import { type ClusterFlags, type CliContext, CliError } from './context.ts';
import { findHome, readRun } from './find-mesh.ts';
import type { MeshClient } from './mesh-client.ts';

const CALL_TIMEOUT_MS = 30_000;
/** Lists of which each replica has its own part: the proxies that are connected to it. */
const IN_PARTS = new Set(['/api/v1/proxies']);

/** Flags of the command that name a cluster decide; else a mesh that runs on this machine; else the kubeconfig, where there is one. */
export async function inChosenMesh(
  context: CliContext,
  options: ClusterFlags & { readonly home?: string },
): Promise<CliContext> {
  const { kubeconfig, context: name, istioNamespace, revision, home } = options;
  const cluster: ClusterFlags = { kubeconfig, context: name, istioNamespace, revision };
  if (Object.values(cluster).some((flag) => flag !== undefined)) return { ...context, cluster };
  if (home !== undefined || (await runsHere(context)) || !(await hasKubeconfig(context))) return context;
  return { ...context, cluster };
}

async function runsHere(context: CliContext): Promise<boolean> {
  try {
    await readRun(context, await findHome(context, undefined));
    return true;
  } catch (error) {
    if (error instanceof CliError) return false;
    throw error;
  }
}

async function hasKubeconfig({ env, fs, resolvePath }: CliContext): Promise<boolean> {
  if ((env['KUBECONFIG'] ?? '') !== '') return true;
  const home = env['HOME'];
  return home !== undefined && (await fs.stat(resolvePath(home, '.kube/config'))) !== undefined;
}

export async function openClusterMesh(context: CliContext, flags: ClusterFlags): Promise<MeshClient> {
  const namespace = flags.istioNamespace ?? 'istio-system';
  const pods = await controlPlanes(context, flags, namespace);
  const ask = async (pod: string, ...words: readonly string[]): Promise<string> =>
    await requestIn(context, flags, { namespace, pod, container: 'discovery' }, words);
  /** The first that knows; else what the last one said. */
  const first = async (words: readonly string[]): Promise<string> => {
    let problem: unknown;
    for (const pod of pods)
      try {
        return await ask(pod, ...words);
      } catch (error) {
        problem = error;
      }
    throw problem;
  };
  return {
    home: '',
    run: {} as MeshClient['run'],
    get: async <T>(path: string) => {
      if (!IN_PARTS.has(path)) return JSON.parse(await first(['GET', path])) as T;
      const lists = await Promise.all(pods.map(async (pod) => JSON.parse(await ask(pod, 'GET', path)) as unknown[]));
      return lists.flat() as T;
    },
    getText: (path) => first(['GET', path]),
    post: async <T>(path: string, body: unknown) => JSON.parse(await first(['POST', path, JSON.stringify(body)])) as T,
  };
}

/** Asks a listener on the loopback of a pod's container: with the control plane's own token, or its port without one. */
export async function requestIn(
  context: CliContext,
  flags: ClusterFlags,
  where: { readonly namespace: string; readonly pod: string; readonly container: string },
  words: readonly string[],
): Promise<string> {
  const command = [NODE_PATH, `${TOPSAIL_FOLDER}/dist/topsail.js`, 'request', ...words];
  const { status, out, err } = await context.inPod(flags, { ...where, command, timeoutMs: CALL_TIMEOUT_MS });
  if (status === 0) return out;
  throw new CliError(err.trim().replace(/^error: /, '') || `${command.join(' ')} ended with ${status}`);
}

/** Pods that are ready; a sentence when there is none. */
export async function controlPlanes(
  context: CliContext,
  flags: ClusterFlags,
  namespace: string,
): Promise<readonly string[]> {
  const client = await context.kube({ ...flags, fieldManager: 'topsail' });
  const revision = flags.revision === undefined ? '' : `,istio.io/rev=${flags.revision}`;
  const listed = await client.list(RESOURCES.pods, { namespace, labelSelector: `app=istiod${revision}` });
  if (!listed.ok) throw new CliError(`${listed.error.message}. What to do: ${listed.error.remedy}.`);
  const ready = listed.value.filter(isReady).map(({ metadata }) => metadata.name);
  if (ready.length > 0) return ready;
  const which = flags.revision === undefined ? '' : ` of revision ${flags.revision}`;
  throw new CliError(
    `No control plane${which} is ready in namespace ${namespace}. Look at "topsail verify-install", or say where it is with -i and -r.`,
  );
}

function isReady(pod: KubeObject): boolean {
  const { conditions = [] } = (pod['status'] ?? {}) as { conditions?: readonly { type: string; status: string }[] };
  return (
    pod.metadata.deletionTimestamp === undefined &&
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  );
}
