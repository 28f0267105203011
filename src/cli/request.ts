// topsail request: one call to a loopback API, printed as it is; `topsail proxy-status` runs it in the pods of a cluster.
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';

const TIMEOUT_MS = 25_000;

export async function request(
  context: CliContext,
  method: string,
  path: string,
  body: string | undefined,
  options: { readonly home?: string; readonly port?: string },
): Promise<number> {
  if (method !== 'GET' && method !== 'POST') throw new CliError(`${method} is no method: use GET or POST.`);
  if (options.port !== undefined) {
    const target = { host: '127.0.0.1', port: Number(options.port) };
    const answer = await context.call({ target, method, path, timeoutMs: TIMEOUT_MS });
    if (answer === undefined) throw new CliError(`Nobody answers on port ${options.port}.`);
    if (answer.status >= 300) throw new CliError(`${answer.body.trim()} (${answer.status} ${path})`);
    context.out(answer.body);
    return 0;
  }
  const mesh = await openMesh(context, options.home);
  context.out(
    method === 'GET'
      ? await mesh.getText(path)
      : JSON.stringify(await mesh.post<unknown>(path, JSON.parse(body ?? '{}') as unknown, TIMEOUT_MS)),
  );
  return 0;
}
