// Inputs that once reached new code, kept beside the fuzzer: one file for each target, one input a line in base64.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'corpus');

export function readCorpus(target: string): Buffer[] {
  const path = join(FOLDER, `${target}.txt`);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));
}

export function writeCorpus(target: string, inputs: readonly Buffer[]): void {
  const lines = new Set(inputs.map((input) => input.toString('base64')));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${target}.txt`), `${[...lines].sort().join('\n')}\n`);
}
