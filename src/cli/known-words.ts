// The words of a call, once it is known that the first one is a command: --help must not hide that it is none.
import type { Command } from 'commander';
import { CliError } from './context.ts';

export function knownWords(program: Command, words: readonly string[]): readonly string[] {
  const [first] = words;
  if (first === undefined || first.startsWith('-') || first === 'help') return words;
  if (program.commands.some((one) => one.name() === first || one.aliases().includes(first))) return words;
  if (first === 'start')
    throw new CliError(
      'unknown command \'start\': "npm start" in a checkout starts the demo mesh, and so does "topsail demo".',
    );
  return [first];
}
