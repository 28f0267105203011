// What a command does whose output nobody reads on (`topsail … | head`).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

const CONTEXT = join(import.meta.dirname, '../../../src/main/cli-context.ts');
/** Writes until told of the closed pipe, then goes on with its work. */
const PROGRAM = `
process.argv.splice(1, 0, 'topsail');
const { createCliContext } = await import(${JSON.stringify(CONTEXT)});
const context = createCliContext();
let closed = false;
process.stdout.on('error', () => { closed = true; });
while (!closed) { context.out('a line\\n'); await new Promise((done) => setImmediate(done)); }
context.out('nobody reads this');
context.err('finished');
`;

async function unread(command: string): Promise<{ readonly status: number; readonly said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, command], { stdio: 'pipe' });
  let said = '';
  child.stderr.on('data', (data) => (said += String(data)));
  child.stdout.once('data', () => child.stdout.destroy());
  const [status] = (await once(child, 'close')) as [number];
  return { status, said };
}

test('a command that only reads ends quietly', async () => {
  assert.deepEqual(await unread('get'), { status: 0, said: '' });
});

test('one that changes something finishes what it began', async () => {
  for (const command of ['uninstall', 'apply'])
    assert.deepEqual(await unread(command), { status: 0, said: 'finished' });
});
