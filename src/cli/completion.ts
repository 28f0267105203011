// Completion scripts, made from the command tree: commands, their flags, and kinds after get, describe and delete.
import type { Command } from 'commander';
import { KINDS } from './kinds.ts';

export function completion(program: Command, shell: string): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    flags: command.options.flatMap((option) => [option.long, option.short].filter((flag) => flag !== undefined)),
  }));
  const kinds = KINDS.map((kind) => kind.plural);
  if (shell === 'fish') return fish(commands, kinds);
  const body = bash(commands, kinds);
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${body}` : body;
}

interface Known {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly string[];
}

function bash(commands: readonly Known[], kinds: readonly string[]): string {
  const cases = commands
    .map((c) => `    ${c.name}) words="${[...c.flags, ...(takesKinds(c) ? kinds : [])].join(' ')}" ;;`)
    .join('\n');
  return `_topsail() {
  local words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="${commands.map((c) => c.name).join(' ')}"; else
  case "\${COMP_WORDS[1]}" in
${cases}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _topsail topsail ./topsail
`;
}

function fish(commands: readonly Known[], kinds: readonly string[]): string {
  const lines = commands.flatMap((c) => [
    `complete -c topsail -n __fish_use_subcommand -a ${c.name} -d '${c.description.replaceAll("'", "\\'")}'`,
    ...c.flags
      .filter((flag) => flag.startsWith('--'))
      .map((flag) => `complete -c topsail -n '__fish_seen_subcommand_from ${c.name}' -l ${flag.slice(2)}`),
    ...(takesKinds(c)
      ? [`complete -c topsail -n '__fish_seen_subcommand_from ${c.name}' -a '${kinds.join(' ')}'`]
      : []),
  ]);
  return `${lines.join('\n')}\n`;
}

function takesKinds(command: Known): boolean {
  return command.name === 'get' || command.name === 'describe' || command.name === 'delete';
}
