import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeContext } from './context.testing.ts';
import { openMesh } from './mesh-client.ts';

const messageOf = async (action: () => Promise<unknown>): Promise<string> =>
  await action().then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );

test('a control plane that ended under a supervisor is said to be started again', async () => {
  const { context } = fakeContext({ silent: true, supervised: true });
  const mesh = await openMesh(context, undefined);
  assert.equal(
    await messageOf(() => mesh.get('/api/v1/status')),
    'The control plane at http://127.0.0.1:20001 does not answer. It is being started again: try again in a few seconds.',
  );
});

test('without a supervisor the remedy is to start the mesh', async () => {
  const { context } = fakeContext({ silent: true });
  const mesh = await openMesh(context, undefined);
  assert.match(
    await messageOf(() => mesh.get('/api/v1/status')),
    /Is the mesh of \/home\/mesh still running\? Start it/,
  );
});

test('a control plane that a supervisor has not brought up yet is waited for, not started', async () => {
  const { context } = fakeContext({ supervised: true });
  const starting = { ...context, fs: { ...context.fs, readText: async () => undefined } };
  assert.match(await messageOf(() => openMesh(starting, undefined)), /not ready .* It is being started again/);
});
