// Every scenario of the list on Topsail's data plane, in one laboratory.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allFeatures } from './all.ts';
import { judge, startLab } from './column.ts';
import type { Lab } from './lab.ts';

const features = await allFeatures();

describe('the scenario list on Topsail', () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab('topsail');
  });
  after(async () => await lab?.close());

  for (const [feature, scenarios] of features)
    for (const scenario of scenarios)
      test(`${feature}: ${scenario.name}`, {
        skip: scenario.differs?.plane === 'topsail' ? scenario.differs.reason : false,
      }, async () => {
        assert.equal((await judge(lab, scenario)).problem, '');
      });
});
