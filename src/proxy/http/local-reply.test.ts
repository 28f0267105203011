// Local replies carry what the first mapper that fits says.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StreamRecord } from '#telemetry';
import { HeaderBlock } from '#wire/http';
import { addMapped, mappedReply, mapperFor } from './local-reply.ts';

it('adds the headers of the first mapper that fits, and nothing otherwise', () => {
  const mappers = [
    { applies: ({ flags }: StreamRecord) => flags.includes('UF'), headers: [['x-unprocessed', () => '1']] as const },
    { applies: () => true, headers: [['x-any', () => '1']] as const },
  ];
  const mapped = (flags: readonly string[]): readonly (string | undefined)[] => {
    const head = { status: 503, headers: new HeaderBlock() };
    const record = { flags } as unknown as StreamRecord;
    addMapped(head, mapperFor(mappers, record, 503), record);
    return [head.headers.get('x-unprocessed'), head.headers.get('x-any')];
  };
  assert.deepEqual(mapped(['UF']), ['1', undefined]);
  assert.deepEqual(mapped(['UH']), [undefined, '1']);
});

it('takes the status and the words of a mapper that has them', () => {
  const reply = { status: 403, body: 'RBAC: access denied', details: 'd' };
  const mapper = { applies: () => true, headers: [] };
  assert.deepEqual(mappedReply(reply, { ...mapper, status: 413, body: 'too large' }), {
    status: 413,
    body: 'too large',
    details: 'd',
  });
  assert.equal(mappedReply(reply, mapper), reply);
});
