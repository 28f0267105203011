// What every command of the tree has in common.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { commandOf, EXAMPLES } from './examples.ts';
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

test('every argument is described, and what must be given is marked', () => {
  for (const command of allOf(program))
    for (const argument of command.registeredArguments)
      if (command.name() !== 'request')
        assert.notEqual(argument.description, '', `${command.name()} ${argument.name()}`);
  assert.match(commandOf(program, 'run').helpInformation(), /--name <name> +name of the workload\s+\(required\)/);
});

test('every example is a call of its command, with options and values that this has', () => {
  for (const [words, lines] of Object.entries(EXAMPLES))
    for (const line of lines) {
      const [own = '', ...rest] = line.split(' -- ')[0]?.split(' ') ?? [];
      assert.equal(own, 'topsail');
      const command = commandOf(program, words);
      const given = rest.slice(words.split(' ').length);
      assert.equal(commandOf(program, rest.slice(0, words.split(' ').length).join(' ')), command, line);
      let values = 0;
      for (let i = 0; i < given.length; i++) {
        const word = given[i] as string;
        if (!word.startsWith('-') || word === '-') {
          values += 1;
          continue;
        }
        const option =
          command.options.find((one) => one.short === word || one.long === word) ??
          assert.fail(`${line}: no option ${word}`);
        if (!option.required) continue;
        const value = given[++i];
        assert.ok(value !== undefined && (option.argChoices?.includes(value) ?? true), line);
      }
      const asked = command.registeredArguments.filter((one) => one.required && line.split(' -- ').length === 1);
      assert.ok(values >= asked.length, line);
      for (const option of command.options.filter((one) => one.mandatory))
        assert.ok(
          given.some((one) => option.long === one || option.short === one),
          line,
        );
    }
});
