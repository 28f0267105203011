// The client role of our HTTP/2 against a server that breaks (and keeps) one rule at a time: what h2spec is for servers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from '../../conformance/h2-client/bench.ts';
import { FRAME_CASES } from '../../conformance/h2-client/frame-cases.ts';
import { MESSAGE_CASES } from '../../conformance/h2-client/message-cases.ts';

for (const one of [...FRAME_CASES, ...MESSAGE_CASES]) {
  test(`${one.section.startsWith('RFC') ? one.section : `RFC 9113 ${one.section}`}: ${one.what}`, async () => {
    const seen = await play(one);
    const said = `GOAWAY ${seen.goaway}, RST_STREAM ${seen.reset}, ${JSON.stringify({ ...seen.told, trailers: undefined })}`;
    if (one.goaway !== undefined || one.reset !== undefined) {
      const met = one.goaway?.includes(seen.goaway ?? -1) === true || one.reset?.includes(seen.reset ?? -1) === true;
      assert.ok(met, said);
      if (one.goaway === undefined) assert.ok(seen.alive, `the connection goes on: ${said}`);
    }
    if (one.fine === true) {
      assert.deepEqual([seen.told.ended, seen.told.reset, seen.alive, seen.goaway], [true, '', true, undefined], said);
    }
    one.also?.(seen.told, seen.frames, seen.client);
  });
}
