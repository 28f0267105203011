// A thread with the application that attackers' requests go to: others have one of their own.
import { parentPort } from 'node:worker_threads';
import { startApp } from './app.ts';
import { burn, threadMs } from './burn.ts';

parentPort?.on('message', async (order: { readonly cpu?: true; readonly burn?: number; readonly ms?: number }) => {
  if (order.cpu === true) parentPort?.postMessage(threadMs());
  else await burn(order.burn ?? 0, order.ms ?? 0);
});
parentPort?.postMessage(await startApp());
