import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, type Part } from '#base';
import { BodyWriter } from './body-writer.ts';
import { FakeConn } from './fake-conn.testing.ts';
import { PIECES_AT_ONCE, SmallPieces } from './small-pieces.ts';

/** The round in which the end of a round is asked for may send as many again. */
const FIRST_ROUND_MAX = 2 * PIECES_AT_ONCE + 1;

class Rounds {
  #part: Part | undefined = undefined;
  readonly pieces = new SmallPieces((part) => void (this.#part = part));

  end(): void {
    if (this.#part?.() === false) this.#part = undefined;
  }
  get idle(): boolean {
    return this.#part === undefined;
  }
}

function writers(count: number, { pieces }: Rounds, chunked = false): { conn: FakeConn; writer: BodyWriter }[] {
  return Array.from({ length: count }, () => {
    const conn = new FakeConn();
    const writer = new BodyWriter(conn, pieces);
    writer.begin().text('HEAD ');
    writer.head(chunked ? 'chunked' : 'length', false);
    writer.flush();
    return { conn, writer };
  });
}

for (const [chunked, piece] of [
  [false, 'x'],
  [true, '1\r\nx\r\n'],
] as const) {
  test(`of many ${chunked ? 'chunks' : 'pieces'} of one round a few leave in it, the others in the next ones`, () => {
    const rounds = new Rounds();
    const all = writers(300, rounds, chunked);
    for (const { writer } of all) assert.ok(writer.data(Buffer.from('x'), false));
    const sent = (): number => all.filter(({ conn }) => conn.written === `HEAD ${piece}`).length;
    for (let before = 0, most = FIRST_ROUND_MAX; !rounds.idle; most = PIECES_AT_ONCE) {
      assert.ok(sent() - before <= most, `${sent() - before} in one round`);
      before = sent();
      rounds.end();
    }
    assert.equal(sent(), 300);
  });
}

test('what follows a piece that is held takes it along, in order', () => {
  const rounds = new Rounds();
  const all = writers(300, rounds);
  for (const { writer } of all) writer.data(Buffer.from('1'), false);
  const { conn, writer } = all.at(-1) as (typeof all)[number];
  assert.equal(conn.written, 'HEAD ');
  writer.data(Buffer.from('2'), true);
  writer.begin().text(' NEXT');
  writer.head('length', true);
  while (!rounds.idle) rounds.end();
  assert.equal(conn.written, 'HEAD 12 NEXT');
});

test('one that holds a piece again and again stands in line once', () => {
  const rounds = new Rounds();
  const [one, ...others] = writers(300, rounds) as [ReturnType<typeof writers>[0], ...ReturnType<typeof writers>];
  for (const { writer } of others) writer.data(Buffer.from('x'), false);
  for (let i = 0; i < 10_000; i++) one.writer.data(Buffer.from('y'), false);
  let ends = 0;
  for (; !rounds.idle; ends++) rounds.end();
  assert.ok(ends <= 300 / PIECES_AT_ONCE + 1);
  assert.equal(one.conn.written, `HEAD ${'y'.repeat(10_000)}`);
});

test('the last piece, long ones and those behind others leave at once', () => {
  const rounds = new Rounds();
  const all = writers(300, rounds);
  const [ended, long, queued] = all.splice(0, 3) as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
  for (const { writer } of all) writer.data(Buffer.from('1'), false);
  ended.writer.data(Buffer.from('2'), true);
  assert.equal(ended.conn.written, 'HEAD 2');
  long.writer.data(Buffer.alloc(8192, '3'), false);
  assert.equal(long.conn.written.length, 'HEAD '.length + 8192);
  queued.conn.queuedBytes = 1;
  queued.writer.data(Buffer.from('4'), false);
  assert.equal(queued.conn.written, 'HEAD 4');
});

test('who sends one now and then, or has no rounds, waits for nothing', () => {
  const rounds = new Rounds();
  const [one] = writers(1, rounds) as [{ conn: FakeConn; writer: BodyWriter }];
  let sent = 'HEAD ';
  for (let i = 0; i < 200; i++) {
    one.writer.data(Buffer.from('x'), false);
    assert.equal(one.conn.written, (sent += 'x'));
    rounds.end();
  }
  const roundless = new SmallPieces(atOnce);
  for (let i = 0; i < 200; i++) assert.ok(roundless.leavesNow());
});
