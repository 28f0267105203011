// topsail proxy-status: per proxy and type, whether it has what it should have, from its own acknowledgements.
import type { ProxyJson } from '#api';
import type { CliContext } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { table } from './table.ts';

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
  if (name !== undefined && proxies.length === 0) {
    context.err(
      `No connected proxy is called ${name}. Connected: ${all.map((p) => `${p.name}.${p.namespace}`).join(', ') || 'none'}.\n`,
    );
    return 1;
  }
  if (options.output === 'json') {
    context.out(`${JSON.stringify(proxies, undefined, 2)}\n`);
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
  return 0;
}
