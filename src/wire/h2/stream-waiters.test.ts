import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamWaiters, type WaitingStream } from './stream-waiters.ts';

/** Sends over a window that it shares with others; drained once `queued` is 0. */
class Sender implements WaitingStream<Sender> {
  nextWaiting: Sender | undefined = undefined;
  previousWaiting: Sender | undefined = undefined;
  waitsForWindow = false;
  waitsForDrain = false;
  sent = 0;
  queued = 0;
  told = 0;
  left: number;
  onTold = (): void => {};
  readonly #all: Shared;

  constructor(all: Shared, left: number) {
    this.#all = all;
    this.left = left;
  }
  flushQueue(): void {
    const now = Math.min(this.#all.window, this.left);
    this.#all.window -= now;
    this.left -= now;
    this.sent += now;
    if (this.left > 0) this.#all.waiters.forWindow(this);
  }
  drained(): boolean {
    if (this.queued > 0) return false;
    this.told++;
    this.onTold();
    return true;
  }
}

interface Shared {
  window: number;
  readonly waiters: StreamWaiters<Sender>;
}

function shared(): Shared {
  return { window: 0, waiters: new StreamWaiters<Sender>() };
}

test('streams that wait for one narrow window get it in turns', () => {
  const all = shared();
  const long = new Sender(all, 1_000);
  const longer = new Sender(all, 2_000);
  const short = new Sender(all, 30);
  for (const one of [long, longer, short]) all.waiters.forWindow(one);
  for (let i = 0; i < 9; i++) {
    all.window += 10;
    all.waiters.windowGrew();
  }
  assert.deepEqual([long.sent, longer.sent, short.sent], [30, 30, 30]);
  all.window += 20;
  all.waiters.windowGrew();
  all.waiters.windowGrew();
  assert.equal(short.sent, 30);
  assert.equal(long.sent + longer.sent, 80);
});

test('a stream that is gone gets nothing, and those around it go on', () => {
  for (const gone of [0, 1, 2]) {
    const all = shared();
    const senders = [new Sender(all, 10), new Sender(all, 10), new Sender(all, 10)];
    for (const one of senders) all.waiters.forWindow(one);
    all.waiters.remove(senders[gone] as Sender);
    all.window = 100;
    all.waiters.windowGrew();
    assert.deepEqual(
      senders.map((one) => one.sent),
      senders.map((_, i) => (i === gone ? 0 : 10)),
    );
    // None is linked any more: a finished stream holds no other one.
    for (const one of senders) assert.deepEqual([one.nextWaiting, one.previousWaiting], [undefined, undefined]);
  }
});

test('whoever waits for both goes on waiting for output when the window opens', () => {
  const all = shared();
  const sender = new Sender(all, 10);
  sender.queued = 1;
  all.waiters.forWindow(sender);
  all.waiters.forDrain(sender);
  all.window = 10;
  all.waiters.streamWindowGrew(sender);
  assert.deepEqual([sender.sent, sender.told], [10, 0]);
  const other = new Sender(all, 10);
  other.queued = 1;
  for (const one of [sender, other]) all.waiters.forDrain(one);
  all.waiters.outputDrained();
  sender.queued = 0;
  all.waiters.outputDrained();
  all.waiters.outputDrained();
  assert.deepEqual([sender.told, other.told], [1, 0]);
});

test('a stream that fills the output again as soon as it may go on is told again', () => {
  const all = shared();
  const sender = new Sender(all, 0);
  all.waiters.forDrain(sender);
  sender.onTold = () => all.waiters.forDrain(sender);
  all.waiters.outputDrained();
  sender.onTold = () => {};
  all.waiters.outputDrained();
  all.waiters.outputDrained();
  assert.equal(sender.told, 2);
});
