// Body that waits for a window: whole, in order, and its blocks used again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyQueue } from './body-queue.ts';

test('what goes in comes out whole and in order, whatever is written over meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          push: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 40_000 })),
          take: fc.integer({ min: 1, max: 40_000 }),
        }),
        {
          maxLength: 20,
        },
      ),
      (steps) => {
        // Two at a time: blocks of one go to the other.
        const queues = [new BodyQueue(), new BodyQueue()] as const;
        const sent: Buffer[][] = [[], []];
        const got: Buffer[][] = [[], []];
        let next = 0;
        const take = (i: 0 | 1, most: number): void => {
          const piece = queues[i].first(most);
          got[i]?.push(Buffer.from(piece));
          queues[i].drop(piece.length);
        };
        for (const { push, take: most } of steps)
          for (const i of [0, 1] as const) {
            const data = Buffer.alloc(push, ++next);
            sent[i]?.push(Buffer.from(data));
            queues[i].push(data);
            // The read buffer is read into again; large ones are the queue's.
            if (push <= 16 * 1024) data.fill(0);
            if (queues[i].bytes > 0) take(i, most);
          }
        for (const i of [0, 1] as const) {
          while (queues[i].bytes > 0) take(i, 50_000);
          assert.ok(Buffer.concat(got[i] as Buffer[]).equals(Buffer.concat(sent[i] as Buffer[])));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('small pieces leave together', () => {
  const queue = new BodyQueue();
  for (let i = 0; i < 100; i++) queue.push(Buffer.alloc(105));
  assert.equal(queue.first(65_535).length, 10_500);
});

test('a few bytes do not hold a block of many', () => {
  const queues = Array.from({ length: 1_000 }, () => new BodyQueue());
  for (const queue of queues) queue.push(Buffer.from('fine'));
  const held = new Set(queues.map((queue) => queue.first(4).buffer));
  assert.ok([...held].reduce((sum, one) => sum + one.byteLength, 0) < 2 ** 20);
});
