// Every scenario of the list on Topsail's data plane, in one laboratory.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allFeatures } from './all.ts';
import { judge, startLab } from './column.ts';
import { scenariosDoc, UNSHOWN, writtenDoc } from './coverage.ts';
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

test('docs/scenarios.md is current: node test/scenarios/list/coverage.ts writes it', async () => {
  assert.equal(writtenDoc(), await scenariosDoc());
});

test('every field in force is shown by a scenario, or a line says why not', async () => {
  assert.ok(!(await scenariosDoc()).includes(UNSHOWN), 'give it a scenario, or a line of ARGUED in coverage.ts');
});

test('no two scenarios of a feature have one name, and few are argued away', () => {
  const all = [...features].flatMap(([feature, scenarios]) => scenarios.map(({ name }) => `${feature}: ${name}`));
  assert.deepEqual(
    all.filter((name, i) => all.indexOf(name) !== i),
    [],
  );
  const argued = [...features.values()].flat().filter(({ differs }) => differs !== undefined);
  assert.ok(argued.length <= all.length * 0.03, `${argued.length} of ${all.length}`);
});
