// Finds the mesh that a command means: --home, $TOPSAIL_HOME, then the nearest .topsail/ upwards.
import type { RunJson } from '#api';
import { type CliContext, CliError } from './context.ts';

const FOLDER = '.topsail';
/** What a command says of a mesh whose supervisor runs and whose control plane does not. */
export const STARTED_AGAIN = 'It is being started again: try again in a few seconds.';

/** The home folder, whether or not a mesh runs there. */
export async function findHome(context: CliContext, given: string | undefined): Promise<string> {
  const named = given ?? context.env['TOPSAIL_HOME'];
  if (named !== undefined && named !== '') return context.resolvePath(context.cwd, named);
  let folder = context.cwd;
  for (;;) {
    const candidate = context.resolvePath(folder, FOLDER);
    if ((await context.fs.stat(candidate))?.isDirectory === true) return candidate;
    const parent = context.resolvePath(folder, '..');
    if (parent === folder) break;
    folder = parent;
  }
  throw new CliError(
    `No mesh found: there is no ${FOLDER} folder here or above. Start one with "topsail demo" (in a checkout: "npm start"), or say where it is with --home or $TOPSAIL_HOME.`,
  );
}

export async function readRun(context: CliContext, home: string): Promise<RunJson> {
  const path = context.resolvePath(home, 'run.json');
  let text: string | undefined;
  try {
    text = await context.fs.readText(path);
  } catch (error) {
    throw new CliError(
      `${path} cannot be read (${(error as Error).message}): run the command as the user that started the mesh.`,
    );
  }
  if (text === undefined && (await context.supervised(home)))
    throw new CliError(`The control plane of ${home} is not ready (no run.json). ${STARTED_AGAIN}`);
  if (text === undefined)
    throw new CliError(
      `The mesh of ${home} is not running (no run.json). Start it with "topsail demo" (in a checkout: "npm start") or "topsail discovery".`,
    );
  try {
    return JSON.parse(text) as RunJson;
  } catch {
    throw new CliError(`${path} is no JSON. Stop the mesh, remove the file and start again.`);
  }
}
