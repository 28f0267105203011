// Some 300 bootstraps, each with one place changed: ours is taken or refused exactly where a real Envoy takes or refuses it. Envoy's word
// is kept beside (bootstrap-verdicts.ts); TOPSAIL_TEST_LONG=1 asks the Envoy that is here, which takes minutes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { type Net, silentLogger } from '#base';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import { startProxy } from '../../../src/main/proxy.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';
import { applyAt, BASE, MUTATIONS } from './bootstrap-mutations.ts';
import { REFUSED_HERE, TAKEN } from './bootstrap-verdicts.ts';
import { findEnvoy } from './find-envoy.ts';

const real = new SystemNet();
/** Validation takes no port. */
const net: Net = {
  connect: (options, handler) => real.connect(options, handler),
  resolve: (host) => real.resolve(host),
  listen: async ({ host, port }) => ({ address: host, port, close: async () => {} }),
};

/** '' when it is taken. */
async function ourWord(text: string): Promise<string> {
  try {
    const handle = await startProxy({
      bootstrap: await readBootstrap(text),
      clock: new SystemClock(),
      random: new SystemRandom(),
      net,
      log: silentLogger,
      secrets: { subscribe: () => () => {} },
    });
    handle.close();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function isTakenByEnvoy(binary: string, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(binary, ['--mode', 'validate', '--log-level', 'off', '--config-yaml', text], {
      stdio: 'ignore',
    });
    child.on('close', (status) => resolve(status === 0));
  });
}

test('a changed bootstrap is taken or refused as by Envoy', async () => {
  const wrong: string[] = [];
  for (const [name, path, value] of MUTATIONS) {
    const said = await ourWord(JSON.stringify(applyAt(BASE, path, value)));
    const wanted = TAKEN.has(name) && !(name in REFUSED_HERE);
    if ((said === '') !== wanted) wrong.push(`${name}: ${said === '' ? 'taken' : said}`);
  }
  assert.deepEqual(wrong, []);
});

test('every difference that is argued for is one', () => {
  const names = new Set(MUTATIONS.map(([name]) => name));
  for (const name of Object.keys(REFUSED_HERE)) assert.ok(names.has(name) && TAKEN.has(name), name);
});

const envoy = findEnvoy();
const skip =
  process.env['TOPSAIL_TEST_LONG'] === undefined
    ? 'TOPSAIL_TEST_LONG=1: it takes minutes'
    : envoy === undefined && 'no Envoy';

test('Envoy’s word is still what it was', { skip }, async () => {
  const wrong: string[] = [];
  for (const [name, path, value] of MUTATIONS)
    if ((await isTakenByEnvoy(envoy as string, JSON.stringify(applyAt(BASE, path, value)))) !== TAKEN.has(name))
      wrong.push(name);
  assert.deepEqual(wrong, []);
});
