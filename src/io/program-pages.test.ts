import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unwrittenPages } from './program-pages.ts';

function mapping(head: string, anonymousKb: number): string {
  return `${head}\nSize: 8 kB\nRss: 8 kB\nPrivate_Dirty: 0 kB\nAnonymous: ${anonymousKb} kB\nVmFlags: rd mr mw me sd\n`;
}

const PROGRAM = [
  mapping('00400000-00402000 r--p 00000000 fe:00 77                         /usr/bin/node', 0),
  mapping('00402000-00406000 r-xp 00002000 fe:00 77                         /usr/bin/node', 0),
  mapping('00406000-00408000 r--p 00006000 fe:00 77                         /usr/bin/node', 4),
  mapping('00408000-00409000 rw-p 00008000 fe:00 77                         /usr/bin/node', 4),
];

test('what the file holds as it is may leave; what was relocated and what may be written stays', () => {
  assert.deepEqual(unwrittenPages(PROGRAM.join(''), 77n), [
    { from: 0x400000n, bytes: 0x2000 },
    { from: 0x402000n, bytes: 0x4000 },
  ]);
});

test('other files, memory without a file and a second mapping of the same bytes stay', () => {
  const others = [
    mapping('7f0000000000-7f0000002000 r-xp 00003000 fe:00 77                 /usr/bin/node', 0),
    mapping('7f0000010000-7f0000012000 r-xp 00000000 fe:00 78                 /usr/lib/libc.so.6', 0),
    mapping('7f0000020000-7f0000022000 r--p 00000000 00:00 0 ', 0),
  ];
  assert.equal(unwrittenPages([...PROGRAM, ...others].join(''), 77n).length, 2);
});

test('a program that runs from memory of its own, and a text that is none, give nothing', () => {
  assert.deepEqual(unwrittenPages(mapping('00402000-00406000 r-xp 00000000 00:00 0 ', 16), 77n), []);
  assert.deepEqual(unwrittenPages('', 77n), []);
  assert.deepEqual(unwrittenPages('Anonymous: 0 kB\n00400000-0040', 77n), []);
});
