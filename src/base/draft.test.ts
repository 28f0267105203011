import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Draft, type DraftHolder } from './draft.ts';

function holder(kept: string[] = []): DraftHolder {
  return { makeRoom: (draft) => kept.push(Buffer.from(draft.view()).toString('latin1')) };
}

function textOf(draft: Draft): string {
  return Buffer.from(draft.view()).toString('latin1');
}

test('text and bytes stand one behind the other', () => {
  const draft = new Draft();
  draft.begin(holder());
  draft.text('GET ');
  draft.text('é');
  draft.data(Buffer.from([0, 255]));
  draft.text('x'.repeat(100));
  assert.equal(textOf(draft), `GET é\u0000\u00ff${'x'.repeat(100)}`);
});

test('whole numbers stand in decimal digits, also where the buffer has to grow', () => {
  const numbers = [0, 7, 10, 99, 100, 1234567890, 2 ** 31 - 1];
  const draft = new Draft(8);
  draft.begin(holder());
  for (const number of numbers) draft.digits(number);
  assert.equal(textOf(draft), numbers.join(''));
});

test('a message goes on where its holder left it, and is handed over when another begins', () => {
  const draft = new Draft();
  const kept: string[] = [];
  const first = holder(kept);
  draft.begin(first);
  draft.text('one');
  draft.begin(first);
  draft.text(' more');
  assert.ok(draft.heldBy(first));
  draft.begin(holder());
  assert.deepEqual(kept, ['one more']);
  assert.ok(!draft.heldBy(first));
  assert.equal(draft.length, 0);
});

test('what is finished is nobody’s when the next begins', () => {
  const draft = new Draft();
  const kept: string[] = [];
  draft.begin(holder(kept));
  draft.text('done');
  draft.finish();
  draft.begin(holder());
  assert.deepEqual(kept, []);
});

test('a long message finds room, and the next one has the usual buffer again', () => {
  const draft = new Draft(16);
  draft.begin(holder());
  draft.text('0123456789');
  draft.text('y'.repeat(1000));
  draft.data(Buffer.alloc(5000, 'z'));
  assert.equal(textOf(draft), `0123456789${'y'.repeat(1000)}${'z'.repeat(5000)}`);
  draft.finish();
  draft.begin(holder());
  draft.text('short');
  assert.equal(textOf(draft), 'short');
  assert.equal(draft.view().buffer.byteLength, 16);
});

test('a buffer that was given away is not written again', () => {
  const draft = new Draft();
  draft.begin(holder());
  draft.text('first');
  const view = draft.view();
  draft.giveAway();
  draft.finish();
  draft.begin(holder());
  draft.text('other');
  assert.equal(Buffer.from(view).toString('latin1'), 'first');
  assert.equal(textOf(draft), 'other');
});

test('ASCII is added, and what is beyond leaves nothing', () => {
  const draft = new Draft(4);
  assert.ok(draft.ascii('plain'));
  assert.ok(!draft.ascii('naïve'));
  assert.ok(!draft.ascii('→'));
  assert.equal(textOf(draft), 'plain');
});
