// topsail logs: what a process of this mesh wrote; -f follows.
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
  const names = (await context.fs.walk(folder))
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -4));
  const known = names.find((one) => one === name) ?? names.find((one) => one === name.split('.')[0]);
  if (known === undefined)
    throw new CliError(`No process of ${home} is called ${name}. Logs exist for: ${names.join(', ') || 'none'}.`);
  const path = context.resolvePath(folder, `${known}.log`);
  let text = (await context.fs.readText(path)) ?? '';
  const lines = text.split('\n');
  const wanted = options.tail === 'all' ? lines.length : Number(options.tail) || TAIL_LINES;
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
