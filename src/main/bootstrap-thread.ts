// Reads a bootstrap in a thread that ends with it: what protobuf-es and the descriptors take (some 60 MB) goes with the thread.
import process from 'node:process';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { BootstrapParts } from './read-bootstrap.ts';

type Answer = { readonly parts: BootstrapParts } | { readonly problem: string };

/** Throws an Error that says where the text is no bootstrap. */
export async function readBootstrapApart(text: string): Promise<BootstrapParts> {
  const answer = await new Promise<Answer>((resolve, reject) => {
    // The program's own entry: cli.ts sees that it is not in the main thread and calls answerBootstrap.
    const worker = new Worker(process.argv[1] as string, { workerData: text });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.parts;
}

export async function answerBootstrap(): Promise<void> {
  const { readBootstrap } = await import('./read-bootstrap.ts');
  let answer: Answer;
  try {
    answer = { parts: await readBootstrap(workerData as string) };
  } catch (error) {
    answer = { problem: (error as Error).message };
  }
  parentPort?.postMessage(answer);
}
