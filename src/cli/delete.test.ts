import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeContext } from './context.testing.ts';
import { deleteObjects } from './delete.ts';

describe('delete', () => {
  it('prints what hinders it with code and remedy, and fails', async () => {
    const finding = {
      ...{ severity: 'error', code: 'TS-CFG-0505', file: 'a.yaml', line: 0, column: 0, path: '' },
      ...{ object: 'VirtualService default/a', message: 'The file cannot be written: EPERM.', remedy: 'Make room.' },
    };
    const { context, home, err } = fakeContext({
      answers: {
        '/api/v1/delete': [
          {
            ...{ kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a', found: true },
            ...{ error: 'EPERM', finding },
          },
        ],
      },
    });
    assert.equal(await deleteObjects(context, ['vs', 'a'], { filename: [], namespace: 'default', home }), 1);
    assert.match(err(), /^error \[TS-CFG-0505\] a\.yaml: VirtualService default\/a .*EPERM\. Make room\.\n$/);
  });
});
