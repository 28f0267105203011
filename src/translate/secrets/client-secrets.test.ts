// A gateway gets the Secrets that DestinationRules name for its way out.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { clientSecretNames } from './client-secrets.ts';

it('names roots for SIMPLE, and the certificate too for MUTUAL, at every level of a rule', () => {
  const rule = (spec: object) => ({ spec }) as unknown as Parameters<typeof clientSecretNames>[0][number];
  const names = clientSecretNames([
    rule({ host: 'a', trafficPolicy: { tls: { mode: 'SIMPLE', credentialName: 'one' } } }),
    rule({
      host: 'b',
      trafficPolicy: { portLevelSettings: [{ port: { number: 443 }, tls: { mode: 'MUTUAL', credentialName: 'two' } }] },
      subsets: [{ name: 'v1', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } }],
    }),
  ]);
  assert.deepEqual([...names], ['kubernetes://one-cacert', 'kubernetes://two', 'kubernetes://two-cacert']);
});
