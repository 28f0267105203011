import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_END, PAGE_END_FRAME, PageReader, pieceFrame } from './page-frames.ts';

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function pages(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const reader = new PageReader(chunks);
  const found: string[] = [];
  let page = Buffer.alloc(0);
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
    if (next === PAGE_END) {
      found.push(page.toString());
      page = Buffer.alloc(0);
    } else page = Buffer.concat([page, next]);
  }
  if (page.length > 0) found.push(`cut off: ${page.toString()}`);
  return found;
}

test('pages come out as they went in, however the stream is cut', async () => {
  const all = Buffer.concat([
    ...[pieceFrame('one é'), pieceFrame('x'.repeat(300)), PAGE_END_FRAME],
    ...[pieceFrame('two'), PAGE_END_FRAME],
  ]);
  for (const size of [1, 2, 3, 7, 64, all.length])
    assert.deepEqual(await pages(cut(all, size)), [`one é${'x'.repeat(300)}`, 'two'], `${size}`);
});

test('a stream that ends before its page has no end of it', async () => {
  assert.deepEqual(await pages(cut(pieceFrame('half').subarray(0, 6), 4)), ['cut off: ha']);
  assert.deepEqual(await pages(cut(new Uint8Array(0), 1)), []);
});
