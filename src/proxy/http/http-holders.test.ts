import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conn } from '#base';
import { StreamRecord } from '#telemetry';
import type { ServerStream } from '#wire/http';
import { httpHolders } from './http-holders.ts';
import type { HttpStream } from './http-stream.ts';

function fixture(connBytes: number) {
  const log: string[] = [];
  const conn = { queuedBytes: connBytes, destroy: () => log.push('connection') } as unknown as Conn;
  const open = (heldBytes: number, done = false) => {
    const record = new StreamRecord();
    const reset = (...words: string[]): void => void log.push(words.join(' '), ...record.flags);
    return { heldBytes, done, record, reset } as unknown as HttpStream;
  };
  const said = (queuedBytes: number): ServerStream =>
    ({ queuedBytes, reset: (reason: string) => log.push(`said ${reason}`) }) as unknown as ServerStream;
  return { log, conn, open, said };
}

test('of HTTP/2 a stream goes alone, and the connection where its output waits', () => {
  const { log, conn, open, said } = fixture(300);
  const holders = [...httpHolders(conn, '2', [open(50), open(200)], [said(99), said(150)], 100)];
  assert.deepEqual(
    holders.map(({ heldBytes }) => heldBytes),
    [200, 150, 300],
  );
  for (const holder of holders) holder.shed();
  assert.deepEqual(log, ['overload overflow', 'OM', 'said overflow', 'connection']);
});

test('of HTTP/1.1 the connection goes with its stream, and is weighed once', () => {
  const { log, conn, open, said } = fixture(300);
  const holders = [...httpHolders(conn, '1.1', [open(400)], [said(300)], 100)];
  assert.deepEqual(
    holders.map(({ heldBytes }) => heldBytes),
    [400, 300],
  );
  holders[1]?.shed();
  assert.deepEqual(log, ['connection']);
});

test('a stream that ended meanwhile is left alone', () => {
  const { log, conn, open } = fixture(0);
  for (const holder of httpHolders(conn, '2', [open(400, true)], [], 1)) holder.shed();
  assert.deepEqual(log, []);
});
