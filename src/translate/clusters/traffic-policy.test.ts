import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalityLb } from '#config';
import { effectivePolicy, withFailoverHealth } from './traffic-policy.ts';

const health = (own: LocalityLb | undefined, ofMesh?: LocalityLb) => {
  const policy = effectivePolicy(own === undefined ? {} : { loadBalancer: { localityLbSetting: own } }, undefined, 80);
  return withFailoverHealth(policy, ofMesh).outlierDetection;
};
const GATEWAY_ERRORS = { consecutiveGatewayErrors: 5, consecutive5xxErrors: 0 };

test('a failover that is named brings its own look at endpoints along', () => {
  assert.deepEqual(health({ failoverPriority: ['topology.kubernetes.io/zone'] }), GATEWAY_ERRORS);
  assert.deepEqual(health({ failover: [{ from: 'eu', to: 'us' }] }), GATEWAY_ERRORS);
  assert.deepEqual(health(undefined, { failover: [{ from: 'eu', to: 'us' }] }), GATEWAY_ERRORS);
});

test('nothing is added where nobody asked for failover, or said no', () => {
  assert.equal(health(undefined), undefined);
  assert.equal(health({ enabled: true }), undefined);
  assert.equal(health({ distribute: [{ from: 'eu/*', to: { 'eu/*': 100 } }] }), undefined);
  assert.equal(health({ enabled: false, failoverPriority: ['a'] }), undefined);
  assert.equal(health({ enabled: false }, { failoverPriority: ['a'] }), undefined);
});

test('what the user says about ejection stays', () => {
  const policy = effectivePolicy(
    { loadBalancer: { localityLbSetting: { failoverPriority: ['a'] } }, outlierDetection: { consecutive5xxErrors: 2 } },
    undefined,
    80,
  );
  assert.deepEqual(withFailoverHealth(policy, undefined).outlierDetection, { consecutive5xxErrors: 2 });
});
