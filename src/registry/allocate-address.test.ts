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
