// Which names in a certificate stand for the name that is expected, and which only look like it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesDnsName, matchesSan, type SanMatcher } from './san-matcher.ts';

test('case and the root’s dot do not tell DNS names apart', () => {
  for (const [given, host] of [
    ['Shop.Example', 'shop.example'],
    ['shop.example.', 'shop.example'],
    ['shop.example', 'SHOP.EXAMPLE.'],
    ['*.shop.example', 'pay.Shop.Example.'],
    ['*.SHOP.example.', 'pay.shop.example'],
    ['xn--bcher-kva.example', 'XN--BCHER-KVA.example'],
    ['*.example.com', 'xn--bcher-kva.example.com'],
  ] as const)
    assert.ok(matchesDnsName(given, host), `${given} for ${host}`);
});

test('a wildcard stands for one whole label, and for nothing of an address', () => {
  for (const [given, host] of [
    ['*.shop.example', 'shop.example'],
    ['*.shop.example', '.shop.example'],
    ['*.shop.example', 'a.b.shop.example'],
    ['*.shop.example', 'evilshop.example'],
    ['*', 'shop'],
    ['*', 'shop.example'],
    ['*.', 'shop.'],
    ['*.example', 'shop.example'],
    ['*.*.example', 'a.b.example'],
    ['p*.shop.example', 'pay.shop.example'],
    ['*y.shop.example', 'pay.shop.example'],
    ['xn--*.shop.example', 'xn--a.shop.example'],
    ['pay.*.example', 'pay.shop.example'],
    ['*.0.0.1', '127.0.0.1'],
    ['*.1', '127.0.0.1'],
    ['shop.example', 'shop.example.evil.example'],
    ['shop.example', 'shop.example..'],
    ['shop.example\u0000.evil.example', 'shop.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['', ''],
    ['.', '.'],
  ] as const)
    assert.ok(!matchesDnsName(given, host), `${given} for ${host}`);
});

test('a SPIFFE id is matched as it is written: another case or a dot make another identity', () => {
  const exact = (value: string): SanMatcher => ({ san: 'uri', how: { kind: 'exact', value } });
  const names = { uris: ['spiffe://cluster.local/ns/shop/sa/pay'], dns: [], emails: [], ips: [] };
  assert.ok(matchesSan(exact('spiffe://cluster.local/ns/shop/sa/pay'), names));
  for (const other of [
    'spiffe://cluster.local/ns/shop/sa/PAY',
    'spiffe://CLUSTER.LOCAL/ns/shop/sa/pay',
    'spiffe://cluster.local./ns/shop/sa/pay',
    'spiffe://cluster.local/ns/shop/sa/pay/',
    'spiffe://cluster.local/ns/shop/sa/*',
    'spiffe://cluster.local//ns/shop/sa/pay',
  ])
    assert.ok(!matchesSan(exact(other), names), other);
  // A DNS name of the same text is no URI, and the other way round.
  const dns = { uris: [], dns: ['spiffe://cluster.local/ns/shop/sa/pay'], emails: [], ips: [] };
  assert.ok(!matchesSan(exact('spiffe://cluster.local/ns/shop/sa/pay'), dns));
});
