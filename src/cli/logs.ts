// topsail logs: what a process of this mesh wrote, or the access log of a workload that runs elsewhere; -f follows.
import { logFileOf } from '#api';
import { visibleText } from '#base';
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
  const shown = (text: string): string => (context.colour ? forTerminal(text) : text);
  context.out(shown(lines.slice(-wanted - 1).join('\n')));
  let over = false;
  void context.interrupted.then(() => (over = true));
  while (options.follow === true && !over) {
    await context.sleep(FOLLOW_MS);
    const now = (await context.fs.readText(path)) ?? '';
    // A shorter file was started anew.
    const fresh = now.startsWith(text.slice(0, 64)) && now.length >= text.length ? now.slice(text.length) : now;
    if (fresh !== '') context.out(shown(fresh));
    text = now;
  }
  return 0;
}

/** Colours are the application's to give; what moves the cursor or answers to the terminal is not. */
function forTerminal(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) =>
      line
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequence that sets a colour
        .split(/(\u001b\[[0-9;]*m)/)
        .map((piece, i) => (i % 2 === 1 ? piece : visibleText(piece)))
        .join(''),
    )
    .join('\n');
}
