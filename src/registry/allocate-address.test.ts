// Virtual addresses are stable, unique and independent of order.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allocateAddresses } from './allocate-address.ts';

const hosts = fc.uniqueArray(fc.domain(), { maxLength: 300 });

describe('allocated addresses', () => {
  it('are in 240.240.0.0/16 and unique', () => {
    fc.assert(
      fc.property(hosts, (names) => {
        const given = [...allocateAddresses(names).values()];
        assert.equal(new Set(given).size, names.length);
        for (const address of given) assert.match(address, /^240\.240\.\d{1,3}\.\d{1,3}$/);
      }),
      { numRuns: 30 },
    );
  });
  it('do not depend on the order of the hosts', () => {
    fc.assert(
      fc.property(hosts, (names) =>
        assert.deepEqual(
          Object.fromEntries(allocateAddresses(names)),
          Object.fromEntries(allocateAddresses([...names].reverse())),
        ),
      ),
      { numRuns: 30 },
    );
  });
  it('are those that others say were given, where that can be', () => {
    const given = new Map([
      ['a.example', '240.240.7.7'],
      ['b.example', '240.240.7.7'],
      ['c.example', '10.0.0.1'],
      ['d.example', '240.240.0.1'],
      ['e.example', '240.240.300.1'],
    ]);
    const former = new Map([
      ['a.example', '240.240.1.1'],
      ['b.example', '240.240.1.2'],
    ]);
    const found = allocateAddresses(given.keys(), former, given);
    assert.equal(found.get('a.example'), '240.240.7.7');
    assert.equal(found.get('b.example'), '240.240.1.2', 'another host was given it first');
    for (const host of ['c.example', 'd.example', 'e.example']) {
      assert.match(found.get(host) ?? '', /^240\.240\./);
      assert.notEqual(found.get(host), given.get(host));
    }
    assert.equal(new Set(found.values()).size, 5);
  });
  it('stay with the host that has them, whatever others say they were given', () => {
    const former = allocateAddresses(['pay.example', 'evil.example']);
    const [pay = '', evil = ''] = [former.get('pay.example'), former.get('evil.example')];
    const claim = new Map([['evil.example', pay]]);
    assert.deepEqual(allocateAddresses(former.keys(), former, claim), former);
    assert.deepEqual(allocateAddresses(former.keys(), former, new Map([...claim, ['pay.example', pay]])), former);
    assert.equal(
      allocateAddresses(['evil.example'], former, claim).get('evil.example'),
      pay,
      'nobody wants it any more',
    );
    const swapped = new Map([...claim, ['pay.example', evil]]);
    assert.deepEqual(allocateAddresses(former.keys(), former, swapped), swapped, 'both statuses say so');
  });
  it('are those of the first that names them, where nothing is known', () => {
    const given = new Map([
      ['b.example', '240.240.7.7'],
      ['a.example', '240.240.7.7'],
    ]);
    assert.equal(allocateAddresses(given.keys(), new Map(), given).get('b.example'), '240.240.7.7');
  });
  it('never move when others come', () => {
    fc.assert(
      fc.property(hosts, hosts, (first, more) => {
        const before = allocateAddresses(first);
        const after = allocateAddresses([...first, ...more], before);
        for (const [host, address] of before) assert.equal(after.get(host), address);
      }),
      { numRuns: 30 },
    );
  });
});
