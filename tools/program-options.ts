// Options of a program of `bench`, `test` or `sim`: as Node's `parseArgs` reads them, and in the place of its exceptions
// a usage line and status 2. `--help` prints the comment that the program's file opens with, and what may be given.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { root } from './steps.ts';

type Asked = Pick<ParseArgsConfig, 'options' | 'allowPositionals'>;
type Given<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T>>;

/** `file`: the program's own. Ends the process where it has only to tell of itself, or cannot understand. */
export function programOptions<const T extends Asked>(file: string, asked: T): Given<T> {
  const name = relative(root, file);
  const read = readOptions(asked, process.argv.slice(2));
  if (read.kind === 'given') return read.given;
  if (read.kind === 'help') {
    console.log(`${openingComment(readFileSync(file, 'utf8'))}\n\n${usage(name, asked)}`);
    process.exit(0);
  }
  console.error(`${name}: ${read.problem}\n${usage(name, asked)}`);
  process.exit(2);
}

type Read<T extends ParseArgsConfig> =
  | { readonly kind: 'given'; readonly given: Given<T> }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string };

export function readOptions<const T extends Asked>(asked: T, args: readonly string[]): Read<T> {
  if (args.some((one) => one === '--help' || one === '-h')) return { kind: 'help' };
  try {
    return { kind: 'given', given: parseArgs({ ...asked, args: [...args] }) as Given<T> };
  } catch (error) {
    return { kind: 'wrong', problem: (error as Error).message };
  }
}

/** `usage: node bench/proxy.ts [--rounds 10] [--json JSON]`: what stands there is the default, or the option's name. */
export function usage(name: string, { options = {}, allowPositionals = false }: Asked): string {
  const flags = Object.entries(options).map(([flag, { type, default: value, multiple = false }]) => {
    const preset = typeof value === 'string' && value !== '' ? value : flag.toUpperCase();
    return `[--${flag}${type === 'boolean' ? '' : ` ${preset}`}]${multiple ? '…' : ''}`;
  });
  return ['usage: node', name, ...(allowPositionals ? ['[NAME…]'] : []), ...flags].join(' ');
}

/** Of a source file, without its slashes. */
export function openingComment(source: string): string {
  const lines = source.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.slice(2).replace(/^ /, ''))
    .join('\n');
}
