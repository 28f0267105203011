// topsail proxy-status: per proxy and type, whether it has what it should have, from its own acknowledgements.
import type { ProxyJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { table } from './table.ts';

const ADMIN_TIMEOUT_MS = 3000;
const TYPES = ['CDS', 'LDS', 'EDS', 'RDS'] as const;

export async function proxyStatus(
  context: CliContext,
  name: string | undefined,
  options: { readonly home?: string; readonly output?: string },
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const all = await mesh.get<readonly ProxyJson[]>('/api/v1/proxies');
  const proxies =
    name === undefined
      ? all
      : all.filter((p) => p.id === name || p.name === name || `${p.name}.${p.namespace}` === name);
  if (name !== undefined && proxies.length === 0)
    throw new CliError(
      `No connected proxy is called ${name}. Connected: ${all.map((p) => `${p.name}.${p.namespace}`).join(', ') || 'none'}.`,
    );
  const plain = await structured(proxies, options.output);
  if (plain !== undefined) {
    context.out(plain);
    return 0;
  }
  const rows = proxies.map((p) => [
    `${p.name}.${p.namespace}`,
    p.type,
    ...TYPES.map((t) => p.types[t] ?? 'NOT SENT'),
    p.capture || '-',
    `${p.dataPlane} ${p.version}`,
    String(p.watermark),
  ]);
  context.out(table(['NAME', 'TYPE', ...TYPES, 'CAPTURE', 'VERSION', 'SNAPSHOT'], rows));
  for (const p of proxies)
    if (p.lastError !== '') context.out(`${p.name}.${p.namespace} rejected configuration: ${p.lastError}\n`);
  if (name !== undefined) for (const p of proxies) context.out(workersText(await askWorkers(context, p)));
  return 0;
}

interface WorkersPage {
  readonly concurrency?: number;
  readonly crashes?: number;
  readonly workers?: readonly { readonly worker: number; readonly connections: number }[];
  readonly not_shared?: readonly string[];
}

/** Undefined where this machine does not reach the proxy's admin port, or what is there is no proxy of ours. */
async function askWorkers(context: CliContext, { adminPort }: ProxyJson): Promise<WorkersPage | undefined> {
  if (adminPort === 0) return undefined;
  const target = { host: '127.0.0.1', port: adminPort };
  const answer = await context.call({ target, method: 'GET', path: '/workers', timeoutMs: ADMIN_TIMEOUT_MS });
  try {
    return answer?.status === 200 ? (JSON.parse(answer.body) as WorkersPage) : undefined;
  } catch {
    return undefined;
  }
}

/** What its threads do not have in common decides what a limit or a balance means there. */
function workersText(page: WorkersPage | undefined): string {
  if (page?.concurrency === undefined || page.concurrency < 2) return '';
  const rows = (page.workers ?? []).map(({ worker, connections }) => [String(worker), String(connections)]);
  const own = (page.not_shared ?? []).map((one) => `  ${one}\n`).join('');
  const died = page.crashes === undefined || page.crashes === 0 ? '' : `, ${page.crashes} ended and were replaced`;
  return `\n${page.concurrency} workers${died}\n${table(['WORKER', 'CONNECTIONS'], rows)}Each worker has its own:\n${own}`;
}
