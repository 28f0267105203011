// topsail proxy-replace: another proxy in the place of a workload's present one, of the program as it is installed now,
// while its application and connections live on; waits until the new one serves.
import { type CliContext, CliError } from './context.ts';
import { findHome } from './find-mesh.ts';

const LOOK_MS = 200;
/** Two proxies start, beside what is open at the present one. */
const LONGEST_MS = 150_000;
const TIMEOUT_MS = 5_000;
const HOST = '127.0.0.1';

export interface ProxyReplaceOptions {
  readonly home?: string;
  readonly namespace: string;
  readonly concurrency?: string;
  readonly logLevel?: string;
  readonly drainTimeS: string;
}

export async function proxyReplace(context: CliContext, name: string, options: ProxyReplaceOptions): Promise<number> {
  const home = await findHome(context, options.home);
  const whole = name.includes('.') ? name : `${name}.${options.namespace}`;
  const port = await statusPortOf(context, home, whole);
  const query = new URLSearchParams({ drainTimeS: options.drainTimeS });
  if (options.concurrency !== undefined) query.set('concurrency', options.concurrency);
  if (options.logLevel !== undefined) query.set('logLevel', options.logLevel);
  const target = { host: HOST, port };
  const path = `/proxy/replace?${query}`;
  const begun = await context.call({ target, method: 'POST', path, timeoutMs: TIMEOUT_MS });
  if (begun === undefined) throw new CliError(`The agent of ${whole} does not answer on port ${port}.`);
  const answer = JSON.parse(begun.body) as { readonly epoch?: number; readonly problem?: string };
  if (begun.status !== 202 || answer.epoch === undefined)
    throw new CliError(`The proxy of ${whole} is not replaced: ${answer.problem ?? begun.body}.`);
  const startMs = context.clock.now();
  const longestMs = LONGEST_MS + 1000 * Number(options.drainTimeS);
  while (context.clock.now() - startMs < longestMs) {
    const ready = await context.call({ target, method: 'GET', path: '/healthz/ready', timeoutMs: TIMEOUT_MS });
    const epoch = ready === undefined ? undefined : (JSON.parse(ready.body) as { readonly epoch?: number }).epoch;
    if (ready?.status === 200 && epoch !== undefined && epoch > answer.epoch) {
      const seconds = ((context.clock.now() - startMs) / 1000).toFixed(1);
      context.out(`${whole}: another proxy serves (number ${epoch}, after ${seconds} s); its application went on.\n`);
      return 0;
    }
    await context.sleep(LOOK_MS);
  }
  throw new CliError(
    `${whole}: no other proxy serves after ${longestMs / 1000} s. "topsail logs ${whole}" says why; the present one goes on.`,
  );
}

async function statusPortOf(context: CliContext, home: string, whole: string): Promise<number> {
  const folder = context.resolvePath(home, 'run', 'workloads');
  const text = await context.fs.readText(context.resolvePath(folder, `${whole}.json`));
  if (text !== undefined) return (JSON.parse(text) as { readonly statusPort: number }).statusPort;
  const files = (await context.fs.stat(folder))?.isDirectory === true ? await context.fs.walk(folder) : [];
  const known = files.filter((one) => one.endsWith('.json')).map((one) => one.slice(0, -5));
  throw new CliError(
    `No workload of ${home} is called ${whole}. There are: ${known.join(', ') || 'none'}. A pod is replaced by its Deployment: kubectl rollout restart.`,
  );
}
