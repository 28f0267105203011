// The authority's name comes from MeshConfig at the start; what is configured later is told once, and its aliases count at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, silentLogger } from '#base';
import { type ConfigView, parseText, viewOf } from '#config';
import { meshSettings } from '#registry';
import type { DiscoveryIdentity } from './discovery-identity.ts';
import { followTrustDomain, trustDomainOf } from './trust-domain.ts';

function configured(spec: string): ConfigView {
  const text = `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: m, namespace: istio-system }\n${spec}`;
  return viewOf(parseText('mesh.yaml', text, { createdMs: 1 }).flatMap(({ object }) => object ?? []));
}

test('the trust domain is the configured one, and cluster.local without', () => {
  assert.equal(trustDomainOf(configured('trustDomain: example.org\n')), 'example.org');
  assert.equal(trustDomainOf(configured('')), 'cluster.local');
  assert.equal(trustDomainOf(viewOf([])), 'cluster.local');
});

test('what no SPIFFE id can hold is no trust domain, nor an alias', () => {
  for (const spec of ['trustDomain: Example.org', 'trustDomain: example.org.', 'trustDomainAliases: [a, "b/c"]']) {
    const text = `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: m }\n${spec}\n`;
    const codes = parseText('mesh.yaml', text, { createdMs: 1 }).flatMap(({ complaints }) => complaints);
    assert.deepEqual(
      codes.map(({ code }) => code),
      ['TS-CFG-0342'],
      spec,
    );
  }
});

test('a change is told once, aliases count at once', () => {
  const told: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (_, facts) => void told.push(facts?.['configured']) };
  let aliases: readonly string[] = [];
  const identity = {
    authority: { trustDomain: 'example.org' },
    setTrustAliases: (given: readonly string[]) => void (aliases = given),
  } as unknown as DiscoveryIdentity;
  const follow = followTrustDomain(identity, log);
  const seen = (spec: string): void => follow({ mesh: meshSettings(configured(spec), 'example.org') });
  seen('trustDomain: example.org\n');
  assert.deepEqual([told, aliases], [[], []]);
  for (const _ of [1, 2]) seen('trustDomain: other.example\ntrustDomainAliases: [old.example]\n');
  assert.deepEqual([told, aliases], [['other.example'], ['old.example', 'other.example']]);
  seen('trustDomain: example.org\ntrustDomainAliases: [old.example]\n');
  assert.deepEqual([told, aliases], [['other.example'], ['old.example']]);
});
