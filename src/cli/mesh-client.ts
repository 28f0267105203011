// Calls the control plane's API and turns what goes wrong into one sentence.
import type { RunJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { findHome, readRun, STARTED_AGAIN } from './find-mesh.ts';

const CALL_TIMEOUT_MS = 15_000;

export interface MeshClient {
  /** '' for a cluster's. */
  readonly home: string;
  readonly run: RunJson;
  get<T>(path: string, timeoutMs?: number): Promise<T>;
  getText(path: string): Promise<string>;
  post<T>(path: string, body: unknown, timeoutMs?: number): Promise<T>;
}

/** The cluster's where the command was told so, else one of this machine. */
export async function openMesh(context: CliContext, home: string | undefined): Promise<MeshClient> {
  if (context.cluster === undefined) return await openLocal(context, home);
  return await (await import('./cluster-mesh.ts')).openClusterMesh(context, context.cluster);
}

async function openLocal(context: CliContext, home: string | undefined): Promise<MeshClient> {
  const folder = await findHome(context, home);
  const run = await readRun(context, folder);
  const url = new URL(run.address);
  const call = async (
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    timeoutMs: number,
  ): Promise<string> => {
    const answer = await context.call({
      target: { host: url.hostname, port: Number(url.port) },
      method,
      path,
      timeoutMs,
      headers: {
        authorization: `Bearer ${run.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    if (answer === undefined) {
      const remedy = (await context.supervised(folder))
        ? STARTED_AGAIN
        : `Is the mesh of ${folder} still running? Start it with "topsail demo" (in a checkout: "npm start").`;
      throw new CliError(`The control plane at ${run.address} does not answer. ${remedy}`);
    }
    if (answer.status >= 300)
      throw new CliError(problemOf(answer.body) ?? `${answer.body.trim()} (${answer.status} ${path.split('?')[0]})`);
    return answer.body;
  };
  return {
    home: folder,
    run,
    get: async <T>(path: string, timeoutMs = CALL_TIMEOUT_MS) =>
      JSON.parse(await call('GET', path, undefined, timeoutMs)) as T,
    getText: (path) => call('GET', path, undefined, CALL_TIMEOUT_MS),
    post: async <T>(path: string, body: unknown, timeoutMs = CALL_TIMEOUT_MS) =>
      JSON.parse(await call('POST', path, JSON.stringify(body), timeoutMs)) as T,
  };
}

/** The API's own sentence; undefined when somebody else answered. */
function problemOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: string }).error;
  } catch {
    return undefined;
  }
}
