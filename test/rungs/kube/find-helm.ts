// Finds Helm: $HELM_PATH, the programs that .ci/run builds, PATH. In CI its absence is a failure.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';

export function findHelm(): string | undefined {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'topsail/helm-v4.3.1/helm');
  const path = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'helm'));
  const found = [process.env['HELM_PATH'], cache, ...path].find(
    (one) => one !== undefined && one !== '' && existsSync(one),
  );
  if (found === undefined && (process.env['CI'] ?? '') !== '')
    throw new Error('there is no helm, and CI demands it: set HELM_PATH, or build helm.sh/helm/v4/cmd/helm with Go');
  return found;
}
