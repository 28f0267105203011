// What every command of the tree has in common.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { buildProgram } from './program.ts';

const never = (): never => {
  throw new Error('no command is called');
};
const program = buildProgram({
  version: 'test',
  context: never,
  starters: { demo: never, discovery: never, run: never, gateway: never, proxy: never },
  kubeStarters: { agent: never, captureApply: never, captureValidate: never, cniNode: never, images: never },
  exit: never,
});
const allOf = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(allOf)];

test('a format that a command has not is refused with those that it has', () => {
  const formats = allOf(program).flatMap((command) =>
    command.options.filter((one) => one.flags.endsWith('<format>')).map((option) => ({ command, option })),
  );
  assert.ok(formats.length > 15);
  for (const { command, option } of formats) assert.ok((option.argChoices?.length ?? 0) > 0, command.name());
});

test('no help shows a default that is nothing', () => {
  for (const command of allOf(program))
    assert.doesNotMatch(command.helpInformation(), /default:\s+(\[\]|none|"")/, command.name());
});
