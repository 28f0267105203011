// What `topsail get` and `topsail describe` print of RateLimits: what decides, and whom it is for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectJson } from '#api';
import { fakeContext } from './context.testing.ts';
import { describe } from './describe.ts';
import { get } from './get.ts';

const limit = (fields: Partial<ObjectJson>): ObjectJson => ({
  kind: 'RateLimit',
  namespace: 'istio-system',
  name: 'orders',
  group: 'topsail.io',
  apiVersion: 'topsail.io/v1alpha1',
  generation: 1,
  createdMs: 0,
  state: 'accepted',
  file: '',
  line: 0,
  labels: {},
  annotations: {},
  spec: {},
  findings: [],
  programmed: { acknowledged: 0, concerned: 0, lagging: [], rejected: [] },
  ...fields,
});

test('get lists each rule with its burst and its keys, under the short name too', async () => {
  const rules = [
    { name: 'each', by: [{ attribute: 'CLIENT' }], limit: { requests: 20, per: 'MINUTE', burst: 5 } },
    { name: 'key', by: [{ claim: 'sub' }, { header: 'x-a' }], limit: { requests: 3, per: 'DAY' }, mode: 'SHADOW' },
    { name: 'all', limit: { requests: 9, per: 'SECOND' } },
  ];
  const { context, out } = fakeContext({ answers: { '/api/v1/objects': [limit({ spec: { rules } })] } });
  assert.equal(await get(context, ['rl'], { namespace: 'istio-system' }), 0);
  assert.match(
    out(),
    /^orders +each: 20\/minute burst 5 by CLIENT, key: 3\/day by claim:sub\+header:x-a \(shadow\), all: 9\/second +Accepted /m,
  );
});

test('describe says whom a selector of the root namespace finds anywhere in the mesh', async () => {
  const selecting = async (app: string): Promise<string | undefined> => {
    const at = (name: string, namespace: string) => ({ name, namespace, labels: { app: 'web', name } });
    const spec = { selector: { matchLabels: { [app === 'web' ? 'app' : 'name']: app } } };
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/objects': [limit({ spec })],
        '/api/v1/status': { workloads: [at('a', 'shop'), at('ingressgateway', 'istio-system')], proxies: [] },
      },
    });
    await describe(context, ['rl/orders'], { namespace: 'istio-system' });
    return /^Selects: +(.*)$/m.exec(out())?.[1];
  };
  assert.equal(await selecting('ingressgateway'), 'ingressgateway');
  assert.equal(await selecting('web'), 'a.shop, ingressgateway');
  assert.equal(await selecting('nobody'), 'nobody: no workload matches');
});
