// The shell commands of a Markdown page with what they are said to print.
import { readFileSync } from 'node:fs';

export interface ShellCommand {
  readonly line: number;
  readonly command: string;
  /** Lines of the text block that follows; each must be part of what is printed. */
  readonly prints: readonly string[];
}

export function shellCommands(path: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  const blocks = [...readFileSync(path, 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  const text = readFileSync(path, 'utf8');
  for (const [i, block] of blocks.entries()) {
    if (block[1] !== 'sh') continue;
    const next = blocks[i + 1];
    const prints = next?.[1] === 'text' ? (next[2] ?? '').split('\n').filter((line) => line.trim() !== '') : [];
    const line = text.slice(0, block.index).split('\n').length + 1;
    const parts = splitCommands(block[2] ?? '');
    for (const [n, command] of parts.entries())
      commands.push({ line, command, prints: n === parts.length - 1 ? prints : [] });
  }
  return commands;
}

/** A command ends with its line, unless a quote or a here-document is open. */
function splitCommands(block: string): string[] {
  const commands: string[] = [];
  let open: string[] = [];
  let ending: string | undefined;
  for (const line of block.split('\n')) {
    open.push(line);
    if (ending !== undefined) {
      if (line === ending) ending = undefined;
    } else ending = /<<'(\w+)'/.exec(line)?.[1];
    const quotes = open.join('\n').split("'").length - 1;
    if (ending !== undefined || quotes % 2 === 1 || line.endsWith('\\')) continue;
    const command = open.join('\n').trim();
    if (command !== '' && !command.startsWith('#')) commands.push(command);
    open = [];
  }
  return commands;
}
