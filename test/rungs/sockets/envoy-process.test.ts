// An Envoy does not outlive the agent that started it: beside the next agent's it would serve with what it knew.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { isAlive } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const ROOT = join(import.meta.dirname, '../../..');

test('an agent that is killed takes its Envoy with it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-envoy-process-'));
  const binary = join(folder, 'envoy');
  writeFileSync(binary, '#!/bin/sh\nexec sleep 600\n');
  chmodSync(binary, 0o755);
  const agent = spawn(process.execPath, ['--input-type=module', '-e', AGENT, ROOT, binary], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [said] = (await once(agent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    assert.ok(isAlive(pid));
    agent.kill('SIGKILL');
    await until('its Envoy’s end', () => !isAlive(pid));
  } finally {
    agent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

const AGENT = `
const [root, binary] = process.argv.slice(-2);
const { EnvoyProcess } = await import(root + '/src/main/envoy-process.ts');
const { SystemClock } = await import(root + '/src/io/index.ts');
const { silentLogger } = await import(root + '/src/base/index.ts');
const envoy = new EnvoyProcess({
  binary, bootstrap: 'none', adminPort: 1, env: {}, output: 1, clock: new SystemClock(), log: silentLogger,
});
console.log(envoy.pid);
setInterval(() => {}, 1000);
`;
