// Local replies carry what the first mapper that fits says.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StreamRecord } from '#telemetry';
import { HeaderBlock } from '#wire/http';
import { mapReply } from './local-reply.ts';

it('adds the headers of the first mapper that fits, and nothing otherwise', () => {
  const mappers = [
    { applies: ({ flags }: StreamRecord) => flags.includes('UF'), headers: [['x-unprocessed', () => '1']] as const },
    { applies: () => true, headers: [['x-any', () => '1']] as const },
  ];
  const mapped = (flags: readonly string[]): readonly (string | undefined)[] => {
    const head = { status: 503, headers: new HeaderBlock() };
    mapReply(head, mappers, { flags } as unknown as StreamRecord, 503);
    return [head.headers.get('x-unprocessed'), head.headers.get('x-any')];
  };
  assert.deepEqual(mapped(['UF']), ['1', undefined]);
  assert.deepEqual(mapped(['UH']), [undefined, '1']);
});
