import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { loopbackBlock, type WorkloadSpec } from '#agent';
import { claimBlock } from '../../../src/main/claim-block.ts';

const spec: WorkloadSpec = {
  name: `claimed-${process.pid}`,
  namespace: 'default',
  serviceAccount: 'x',
  labels: {},
  ports: [],
};

test('a block that another mesh on this host holds is not taken', { skip: process.platform !== 'linux' }, async (t) => {
  const wanted = loopbackBlock(spec, new Set());
  const other = createServer();
  await new Promise<void>((resolve, reject) =>
    other.once('error', reject).listen({ host: `${wanted}.255.254`, port: 15_999 }, resolve),
  );
  t.after(() => other.close());
  const first = await claimBlock(spec, new Set());
  assert.notEqual(first, wanted);
  assert.notEqual(await claimBlock(spec, new Set()), first, 'a block is held by who claimed it');
});
