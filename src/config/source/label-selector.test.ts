// Which labels a selector chooses, operator by operator; what is unknown chooses nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesAny } from './label-selector.ts';

describe('a label selector', () => {
  const labels = { team: 'a', env: 'prod' };
  const chooses = (key: string, operator: string, values: readonly string[] = []): boolean =>
    matchesAny([{ matchExpressions: [{ key, operator, values }] }], labels);

  it('knows the operators of Kubernetes', () => {
    assert.equal(matchesAny([{ matchLabels: { team: 'a' } }], labels), true);
    assert.equal(matchesAny([{ matchLabels: { team: 'a', env: 'test' } }], labels), false);
    assert.deepEqual(
      [chooses('env', 'In', ['prod']), chooses('env', 'In', ['test']), chooses('none', 'In', ['x'])],
      [true, false, false],
    );
    assert.deepEqual([chooses('env', 'NotIn', ['prod']), chooses('none', 'NotIn', ['x'])], [false, true]);
    assert.deepEqual(
      [
        chooses('env', 'Exists'),
        chooses('none', 'Exists'),
        chooses('env', 'DoesNotExist'),
        chooses('none', 'DoesNotExist'),
      ],
      [true, false, false, true],
    );
    assert.equal(chooses('env', 'Almost'), false);
  });

  it('is one of several, and an empty one chooses everything', () => {
    assert.equal(matchesAny([{ matchLabels: { team: 'z' } }, { matchLabels: { env: 'prod' } }], labels), true);
    assert.equal(matchesAny([{}], labels), true);
    assert.equal(matchesAny([], labels), false);
  });
});
