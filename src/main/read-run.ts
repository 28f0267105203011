// Waits until a control plane says in run.json where it is.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunJson } from '#api';
import type { Logger } from '#base';
import type { Home } from './home.ts';
import { identify } from './process-identity.ts';

const LOOK_MS = 200;
const SAY_EVERY = 25;

export async function waitForRun(home: Home, log: Logger): Promise<RunJson> {
  for (let i = 0; ; i++) {
    try {
      const run = JSON.parse(readFileSync(home.runJson, 'utf8')) as RunJson;
      // A control plane that was killed could not take its file away.
      if (identify(run.pid) === undefined) throw new Error(`process ${run.pid} is not running`);
      return run;
    } catch (error) {
      if (i % SAY_EVERY === SAY_EVERY - 1)
        log.warn(
          'waiting for the control plane: start the mesh with "npm start" or "./topsail demo", or say where it is with --home',
          {
            file: home.runJson,
            reason: (error as Error).message,
          },
        );
    }
    await sleep(LOOK_MS);
  }
}
