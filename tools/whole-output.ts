// Preloaded into processes that run tests: what they say is out before they end. --test-force-exit ends a process while
// its last results still wait for a pipe that is full, and the runner then counts fewer tests, all passed (nodejs/node#64833).
import process from 'node:process';

interface Blocking {
  readonly _handle?: { setBlocking?(on: boolean): unknown };
}

(process.stdout as unknown as Blocking)._handle?.setBlocking?.(true);
