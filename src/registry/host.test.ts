// Host names are made whole and compared as Istio does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bySpecificity, hostCovers, narrowerHost, resolveHost } from './host.ts';

const known = new Set(['reviews.default.svc.cluster.local', 'reviews.books.svc.cluster.local', 'api.example.com']);
const resolve = (host: string, namespace = 'default') =>
  resolveHost(host, namespace, { domain: 'cluster.local', exists: (h) => known.has(h) });

describe('a host in a rule', () => {
  it('is completed by the namespace of the rule', () =>
    assert.equal(resolve('reviews'), 'reviews.default.svc.cluster.local'));
  it('may name the namespace', () => assert.equal(resolve('reviews.books'), 'reviews.books.svc.cluster.local'));
  it('may name namespace and svc', () => assert.equal(resolve('reviews.books.svc'), 'reviews.books.svc.cluster.local'));
  it('stays as it is when it is known', () => assert.equal(resolve('api.example.com'), 'api.example.com'));
  it('stays as it is when nothing of that name exists', () => assert.equal(resolve('other.com'), 'other.com'));
  it('is compared in lower case', () => assert.equal(resolve('Reviews'), 'reviews.default.svc.cluster.local'));
});

describe('a wildcard', () => {
  it('covers names below it, and narrower wildcards', () => {
    assert.ok(hostCovers('*.example.com', 'a.example.com'));
    assert.ok(hostCovers('*.example.com', '*.b.example.com'));
    assert.ok(!hostCovers('*.example.com', 'example.com'));
    assert.ok(!hostCovers('*.b.example.com', '*.example.com'));
  });
  it('alone covers everything', () => assert.ok(hostCovers('*', 'x')));
  it('yields to the narrower of two', () => assert.equal(narrowerHost('*.com', '*.example.com'), '*.example.com'));
});

const label = fc.stringMatching(/^[a-z]{1,5}$/);
const pattern = fc
  .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 3 }))
  .map(([wild, parts]) => (wild ? `*.${parts.join('.')}` : parts.join('.')));

describe('covering', () => {
  it('is transitive and reflexive', () => {
    fc.assert(
      fc.property(
        pattern,
        pattern,
        pattern,
        (a, b, c) => hostCovers(a, a) && (!(hostCovers(a, b) && hostCovers(b, c)) || hostCovers(a, c)),
      ),
    );
  });
  it('never prefers a pattern that is covered by the other to come later', () => {
    fc.assert(fc.property(pattern, pattern, (a, b) => a === b || !hostCovers(a, b) || bySpecificity(b, a) < 0));
  });
});
