// Reads a bootstrap in a process that ends with it: what protobuf-es and all descriptors take (40 MB of heap that V8
// and malloc would keep for later, a thread's as well) goes with that process.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { json as readJson } from 'node:stream/consumers';
import type { NamedResource } from '#proxy';
import type { BootstrapParts } from './read-bootstrap.ts';

/** The program's first argument in that process (cli.ts); no command of users. */
const READ_BOOTSTRAP = 'read-bootstrap';

type Packed = Omit<BootstrapParts, 'bytes' | 'clusters' | 'listeners'> & {
  readonly base64: string;
  readonly clusters: readonly PackedResource[];
  readonly listeners: readonly PackedResource[];
};
type PackedResource = Omit<NamedResource, 'bytes'> & { readonly base64: string };
type Answer = { readonly parts: Packed } | { readonly problem: string };

/** Throws an Error that says where the text is no bootstrap. */
export async function readBootstrapApart(texts: readonly string[]): Promise<BootstrapParts> {
  const child = spawn(process.execPath, [process.argv[1] as string, READ_BOOTSTRAP], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(texts));
  const answer = (await readJson(child.stdout)) as Answer;
  if ('problem' in answer) throw new Error(answer.problem);
  const { base64, ...parts } = answer.parts;
  return {
    ...parts,
    bytes: Buffer.from(base64, 'base64'),
    clusters: parts.clusters.map(unpacked),
    listeners: parts.listeners.map(unpacked),
  };
}

export async function answerBootstrap(): Promise<void> {
  const { readBootstrap } = await import('./read-bootstrap.ts');
  let answer: Answer;
  try {
    const { bytes, ...parts } = await readBootstrap(...((await readJson(process.stdin)) as readonly string[]));
    const base64 = Buffer.from(bytes).toString('base64');
    answer = {
      parts: { ...parts, base64, clusters: parts.clusters.map(packed), listeners: parts.listeners.map(packed) },
    };
  } catch (error) {
    answer = { problem: (error as Error).message };
  }
  process.stdout.write(JSON.stringify(answer));
}

function packed({ bytes, ...rest }: NamedResource): PackedResource {
  return { ...rest, base64: Buffer.from(bytes).toString('base64') };
}

function unpacked({ base64, ...rest }: PackedResource): NamedResource {
  return { ...rest, bytes: Buffer.from(base64, 'base64') };
}
