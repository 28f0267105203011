import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GivenAddresses } from './given-addresses.ts';

const entry = (status: unknown, creationTimestamp = '2026-01-01T00:00:00Z') => ({
  metadata: { name: 'a', creationTimestamp },
  spec: { hosts: ['A.example.'] },
  status,
});

describe('addresses that were given', () => {
  it('are those of IPv4 by host, of the first object that tells of it, as long as it does', () => {
    const given = new GivenAddresses();
    given.seen('b', entry({ addresses: [{ host: 'a.example', value: '240.240.0.9' }] }));
    given.seen(
      'a',
      entry({
        addresses: [
          { host: 'a.example', value: '240.240.0.8' },
          { host: 'a.example', value: '2001:2::f0f0:8' },
        ],
      }),
    );
    assert.deepEqual([...given.all], [['a.example', '240.240.0.8']]);
    given.seen('a', entry(undefined));
    assert.deepEqual([...given.all], [['a.example', '240.240.0.9']]);
    given.gone('b');
    assert.equal(given.all.size, 0);
  });

  it('of another object’s hosts are none: a status speaks for its own', () => {
    const given = new GivenAddresses();
    given.seen('a', entry({ addresses: [{ host: 'pay.example', value: '240.240.0.9' }] }));
    assert.equal(given.all.size, 0);
  });

  it('are those of the older object, where two have the host', () => {
    const given = new GivenAddresses();
    const says = (value: string) => ({ addresses: [{ host: 'a.example', value }] });
    given.seen('a', entry(says('240.240.0.9'), '2026-02-01T00:00:00Z'));
    given.seen('b', entry(says('240.240.0.8')));
    assert.deepEqual([...given.all], [['a.example', '240.240.0.8']]);
    assert.deepEqual([...given.of('a')], [['a.example', '240.240.0.9']]);
  });

  it('of what is no status of ours are none', () => {
    const given = new GivenAddresses();
    for (const status of [undefined, null, 1, { addresses: 7 }, { addresses: [null, 1, { host: 1, value: 'x' }, {}] }])
      given.seen('a', entry(status));
    assert.equal(given.all.size, 0);
  });
});
