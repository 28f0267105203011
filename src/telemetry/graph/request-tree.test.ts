import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StreamRecord, UNKNOWN_PEER } from '../stream-record.ts';
import { requestTree } from './request-tree.ts';
import { type TapRecordJson, tapRecord } from './tap-record.ts';

interface Told extends Partial<TapRecordJson> {
  /** Whose proxy tells: "a>" asks, ">a" is asked. */
  readonly who: string;
  readonly from: number;
  readonly to: number;
  readonly peer?: string;
}

function hop({ who, from, to, peer = '', ...more }: Told): TapRecordJson {
  const inbound = who.startsWith('>');
  const workload = who.replace('>', '');
  const named = (name: string) => ({ workload: name, namespace: 'default', principal: '' });
  const blank = tapRecord(new StreamRecord(), inbound, { ...UNKNOWN_PEER, workload, namespace: 'default' });
  return {
    ...blank,
    atMs: from,
    durationMs: to - from,
    attempts: 1,
    ...(inbound ? { source: named(peer) } : { destination: named(peer) }),
    ...more,
  };
}

/** "1 page> -> reviews" for each hop, with the number of what caused it. */
function told(records: readonly TapRecordJson[]): readonly string[] {
  return requestTree(records).map(({ hop: one, parent, depth, maybe }) =>
    [
      '  '.repeat(depth) + (one.direction === 'inbound' ? `>${one.workload}` : `${one.workload}>`),
      `${one.path}`,
      parent < 0 ? '' : `of ${parent + 1}`,
      maybe.length === 0 ? '' : `or ${maybe.map((other) => other + 1).join(',')}`,
    ]
      .filter((part) => part !== '')
      .join(' '),
  );
}

describe('the hops of a request', () => {
  test('two services asked in parallel each stand below the account of their caller', () => {
    assert.deepEqual(
      told([
        hop({ who: 'gate>', from: 0, to: 100, peer: 'page', path: '/' }),
        hop({ who: '>page', from: 1, to: 99, peer: 'gate', path: '/' }),
        hop({ who: 'page>', from: 10, to: 60, peer: 'details', path: '/d' }),
        hop({ who: 'page>', from: 10, to: 80, peer: 'reviews', path: '/r' }),
        hop({ who: '>reviews', from: 12, to: 79, peer: 'page', path: '/r' }),
        hop({ who: '>details', from: 13, to: 59, peer: 'page', path: '/d' }),
        hop({ who: 'reviews>', from: 20, to: 40, peer: 'ratings', path: '/s' }),
        hop({ who: '>ratings', from: 21, to: 39, peer: 'reviews', path: '/s' }),
      ]),
      [
        'gate> /',
        '  >page / of 1',
        '    page> /r of 2',
        '      >reviews /r of 3',
        '        reviews> /s of 4',
        '          >ratings /s of 5',
        '    page> /d of 2',
        '      >details /d of 7',
      ],
    );
  });

  test('the same service asked twice at once: the connection tells which answer is whose', () => {
    const [one, two] = ['10.0.0.1:4001', '10.0.0.1:4002'];
    assert.deepEqual(
      requestTree([
        hop({ who: 'page>', from: 10, to: 60, peer: 'reviews', path: '/r', connection: two, route: 'second' }),
        hop({ who: 'page>', from: 10, to: 80, peer: 'reviews', path: '/r', connection: one, route: 'first' }),
        hop({ who: '>reviews', from: 12, to: 59, peer: 'page', path: '/r', connection: one, route: 'of first' }),
        hop({ who: '>reviews', from: 11, to: 58, peer: 'page', path: '/r', connection: two, route: 'of second' }),
      ]).map((each) => each.hop.route),
      ['first', 'of first', 'second', 'of second'],
    );
  });

  test('spans tell which of two parallel requests asked further, and without them both are named', () => {
    const calls = (spans: boolean) => [
      hop({ who: 'page>', from: 0, to: 50, peer: 'reviews', connection: 'x:1', spanId: spans ? 'a' : '', path: '/1' }),
      hop({ who: 'page>', from: 0, to: 50, peer: 'reviews', connection: 'x:2', spanId: spans ? 'b' : '', path: '/2' }),
      ...(['1', '2'] as const).map((n) =>
        hop({
          who: '>reviews',
          from: 5,
          to: 45,
          peer: 'page',
          connection: `x:${n}`,
          path: `/${n}`,
          spanId: spans ? `in${n}` : '',
          parentSpanId: spans ? (n === '1' ? 'a' : 'b') : '',
        }),
      ),
      hop({ who: 'reviews>', from: 10, to: 20, peer: 'ratings', path: '/s', parentSpanId: spans ? 'in2' : '' }),
      hop({ who: 'reviews>', from: 30, to: 40, peer: 'ratings', path: '/s', parentSpanId: spans ? 'in1' : '' }),
    ];
    assert.deepEqual(told(calls(true)), [
      'page> /1',
      '  >reviews /1 of 1',
      '    reviews> /s of 2',
      'page> /2',
      '  >reviews /2 of 4',
      '    reviews> /s of 5',
    ]);
    assert.deepEqual(
      requestTree(calls(true)).map((one) => one.hop.atMs),
      [0, 5, 30, 0, 5, 10],
    );
    assert.deepEqual(told(calls(false)), [
      'page> /1',
      '  >reviews /1 of 1',
      '    reviews> /s of 2 or 5',
      'page> /2',
      '  >reviews /2 of 4',
      '    reviews> /s of 5 or 2',
    ]);
  });

  test('one after the other, time is enough', () => {
    assert.deepEqual(
      told([
        hop({ who: '>reviews', from: 0, to: 40, path: '/1' }),
        hop({ who: 'reviews>', from: 10, to: 20, peer: 'ratings', path: '/s1' }),
        hop({ who: '>reviews', from: 100, to: 140, path: '/2' }),
        hop({ who: 'reviews>', from: 110, to: 120, peer: 'ratings', path: '/s2' }),
      ]),
      ['>reviews /1', '  reviews> /s1 of 1', '>reviews /2', '  reviews> /s2 of 3'],
    );
  });

  test('each try that reached the callee stands below the account that tried', () => {
    assert.deepEqual(
      told([
        hop({ who: 'page>', from: 0, to: 50, peer: 'reviews', attempts: 3, connection: 'x:3', path: '/' }),
        ...[1, 2, 3].map((n) =>
          hop({ who: '>reviews', from: n * 10, to: n * 10 + 5, peer: 'page', connection: `x:${n}`, path: '/' }),
        ),
      ]),
      ['page> /', '  >reviews / of 1', '  >reviews / of 1', '  >reviews / of 1'],
    );
  });

  test('whoever calls itself is not its own cause', () => {
    const loop = [
      hop({ who: 'a>', from: 0, to: 10, peer: 'a', connection: 'x:1' }),
      hop({ who: '>a', from: 0, to: 10, peer: 'a', connection: 'x:1' }),
    ];
    assert.equal(requestTree(loop).length, 2);
  });

  test('no hop is lost or stands before what caused it, whatever was told', () => {
    const any = fc.record({
      who: fc.constantFrom('a>', '>a', 'b>', '>b'),
      from: fc.integer({ min: 0, max: 60 }),
      lasts: fc.integer({ min: 0, max: 60 }),
      peer: fc.constantFrom('a', 'b', ''),
      connection: fc.constantFrom('', 'x:1', 'x:2'),
      spanId: fc.constantFrom('', 'p', 'q'),
      parentSpanId: fc.constantFrom('', 'p', 'q'),
      attempts: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (all) => {
        const records = all.map(({ lasts, ...one }) => hop({ ...one, to: one.from + lasts }));
        const tree = requestTree(records);
        assert.equal(new Set(tree.map((one) => one.hop)).size, records.length);
        for (const [i, one] of tree.entries())
          assert.ok(one.parent < i && one.depth === (tree[one.parent]?.depth ?? -1) + 1);
      }),
    );
  });
});
