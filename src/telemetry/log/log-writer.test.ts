import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type Draft } from '#base';
import { type LogSink, LogWriter } from './log-writer.ts';

class FakeSink implements LogSink {
  readonly events: string[] = [];
  readonly waiting: ((error: Error | undefined) => void)[] = [];
  slow = false;
  write(block: string, done: (error: Error | undefined) => void): void {
    this.events.push(block);
    this.#answer(done);
  }
  reopen(done: (error: Error | undefined) => void): void {
    this.events.push('<reopen>');
    this.#answer(done);
  }
  close(): void {
    this.events.push('<close>');
  }
  #answer(done: (error: Error | undefined) => void): void {
    if (this.slow) this.waiting.push(done);
    else done(undefined);
  }
}

test('lines are joined and leave by time', () => {
  const clock = new FakeClock();
  const sink = new FakeSink();
  const log = new LogWriter(sink, clock, { flushMs: 100 });
  log.write('a\n');
  log.write('b\n');
  clock.advance(99);
  assert.deepEqual(sink.events, []);
  clock.advance(1);
  assert.deepEqual(sink.events, ['a\nb\n']);
  assert.equal(clock.pendingTimers, 0);
});

test('a full block leaves at once', () => {
  const sink = new FakeSink();
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 4 });
  log.write('abc\n');
  assert.deepEqual(sink.events, ['abc\n']);
});

test('while one write is under way the others wait and leave together, in order', () => {
  const sink = new FakeSink();
  sink.slow = true;
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 2 });
  for (const line of ['1\n', '2\n', '3\n']) log.write(line);
  assert.deepEqual(sink.events, ['1\n']);
  sink.waiting.shift()?.(undefined);
  assert.deepEqual(sink.events, ['1\n', '2\n3\n']);
});

test('a sink that takes nothing costs lines, which are counted, and no memory', () => {
  const sink = new FakeSink();
  sink.slow = true;
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 10, maxQueuedChars: 100 });
  for (let i = 0; i < 1_000; i++) log.write('123456789\n');
  assert.ok(log.queuedChars <= 100);
  assert.equal(log.droppedLines, 990);
  assert.equal(log.writtenLines, 10);
});

test('what was queued before a rotation goes to the old file, what comes after to the new one', () => {
  const sink = new FakeSink();
  sink.slow = true;
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 2 });
  log.write('1\n');
  log.write('2\n');
  log.reopen();
  sink.waiting.shift()?.(undefined);
  sink.waiting.shift()?.(undefined);
  log.write('3\n');
  sink.waiting.shift()?.(undefined);
  assert.deepEqual(sink.events, ['1\n', '2\n', '<reopen>', '3\n']);
});

test('a failed write is counted in lines and does not stop the log', () => {
  const sink = new FakeSink();
  sink.slow = true;
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 4 });
  log.write('1\n');
  log.write('2\n');
  sink.waiting.shift()?.(new Error('ENOSPC'));
  assert.equal(log.droppedLines, 2);
  assert.equal(log.failedWrites, 1);
  log.write('345\n');
  assert.equal(sink.events.at(-1), '345\n');
});

test('closing flushes first', () => {
  const sink = new FakeSink();
  const log = new LogWriter(sink, new FakeClock());
  log.write('last\n');
  log.close();
  assert.deepEqual(sink.events, ['last\n', '<close>']);
});

test('a line is put into the block piece by piece, and as text where a piece is beyond ASCII', () => {
  const sink = new FakeSink();
  const log = new LogWriter(sink, new FakeClock());
  const put = (name: string, out: Draft): boolean => out.ascii('hello ') && out.ascii(name) && out.ascii('\n');
  const text = (name: string): string => `hello ${name}\n`;
  log.writeBy(put, text, 'Ann');
  log.writeBy(put, text, 'Zoë');
  log.writeBy(put, text, 'Bob');
  log.flush();
  assert.deepEqual(sink.events, ['hello Ann\nhello Zoë\nhello Bob\n']);
  assert.equal(log.writtenLines, 3);
});

test('lines that are put find no room either while the sink takes nothing', () => {
  const sink = new FakeSink();
  sink.slow = true;
  const log = new LogWriter(sink, new FakeClock(), { blockChars: 10, maxQueuedChars: 100 });
  for (let i = 0; i < 1_000; i++)
    log.writeBy(
      (line, out) => out.ascii(line),
      (line) => line,
      '123456789\n',
    );
  assert.ok(log.queuedChars <= 100);
  assert.equal(log.droppedLines, 990);
});
