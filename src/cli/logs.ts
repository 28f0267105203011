// topsail logs: what a process of this mesh wrote, or the access log of a workload that runs elsewhere; -f follows.
import { logFileOf } from '#api';
import { type CliContext, CliError } from './context.ts';
import { findHome } from './find-mesh.ts';

const FOLLOW_MS = 250;
const TAIL_LINES = 200;

export interface LogsOptions {
  readonly home?: string;
  readonly follow?: boolean;
  readonly tail: string;
}

export async function logs(context: CliContext, name: string, options: LogsOptions): Promise<number> {
  const home = await findHome(context, options.home);
  const folder = context.resolvePath(home, 'logs');
  const files = await context.fs.walk(folder);
  const file = logFileOf(files, name);
  if (file === undefined) {
    const known = files.filter((one) => one.endsWith('.log')).map((one) => one.slice(0, -4));
    throw new CliError(`No process of ${home} is called ${name}. Logs exist for: ${known.join(', ') || 'none'}.`);
  }
  const path = context.resolvePath(folder, file);
  let text = (await context.fs.readText(path)) ?? '';
  const lines = text.split('\n');
  const wanted = options.tail === 'all' ? lines.length : Number(options.tail) || TAIL_LINES;
  // The last piece is what stands after the last line's end.
  context.out(lines.slice(-wanted - 1).join('\n'));
  let over = false;
  void context.interrupted.then(() => (over = true));
  while (options.follow === true && !over) {
    await context.sleep(FOLLOW_MS);
    const now = (await context.fs.readText(path)) ?? '';
    // A shorter file was started anew.
    const fresh = now.startsWith(text.slice(0, 64)) && now.length >= text.length ? now.slice(text.length) : now;
    if (fresh !== '') context.out(fresh);
    text = now;
  }
  return 0;
}
