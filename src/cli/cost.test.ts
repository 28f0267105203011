// What the mesh costs is summed by workload; pods that do not answer are named and in no sum.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { costRows } from './cost.ts';

it('sums CPU over the time measured, and memory at its end', () => {
  const pod = (name: string, workload: string) =>
    ({ namespace: 'shop', name, workload, part: 'sidecar', port: 15020, path: '/' }) as const;
  const mi = 1 << 20;
  const rows = costRows(
    [pod('a-1', 'a'), pod('a-2', 'a'), pod('b-1', 'b'), pod('a-3', 'a')],
    [{ cpuSeconds: 1, bytes: mi }, { cpuSeconds: 2, bytes: mi }, { cpuSeconds: 9, bytes: mi }, undefined],
    [
      { cpuSeconds: 1.2, bytes: 40 * mi },
      { cpuSeconds: 2.2, bytes: 41 * mi },
      { cpuSeconds: 0.1, bytes: 30 * mi },
      undefined,
    ],
    2,
  );
  assert.deepEqual(rows, [
    { namespace: 'shop', workload: 'a', part: 'sidecar', pods: 3, cpuMillicores: 200, memoryMi: 81, silent: 1 },
    { namespace: 'shop', workload: 'b', part: 'sidecar', pods: 1, cpuMillicores: 0, memoryMi: 30, silent: 0 },
  ]);
});
