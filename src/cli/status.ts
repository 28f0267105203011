// topsail status: what runs; topsail check: what is wrong and what to do next (non-zero on trouble); topsail version.
import type { ProxyJson, StatusJson, WorkloadJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { findingText } from './finding-text.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { age, table } from './table.ts';

const SETTLES_WITHIN_MS = 3000;
const LOOK_MS = 200;

export interface MeshOptions {
  readonly home?: string;
  readonly output?: string;
}

export async function status(context: CliContext, options: MeshOptions): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const state = await mesh.get<StatusJson>('/api/v1/status');
  const plain = await structured(state, options.output);
  if (plain !== undefined) {
    context.out(plain);
    return 0;
  }
  const now = context.clock.wallTime();
  context.out(
    `Topsail ${state.version}, up ${age(now - state.startedMs)}, configuration ${state.generation}, snapshot ${state.snapshot}\n` +
      `Home ${state.home}: ${state.objects} objects, ${state.services} services\n` +
      Object.entries(state.addresses)
        .map(([name, address]) => `  ${name.padEnd(16)} ${address}\n`)
        .join('') +
      '\n',
  );
  const rows = state.workloads.toSorted(byName).map((w) => {
    const proxy = state.proxies.find((p) => p.name === w.name && p.namespace === w.namespace);
    return [
      w.name,
      w.namespace,
      w.health,
      w.connected ? 'connected' : 'gone',
      proxy === undefined ? '-' : syncText(proxy),
      proxy?.capture || '-',
      // A service's ports are what callers know; a gateway is called where it listens.
      w.ports.map((p) => (proxy?.type === 'router' ? p.boundPort : p.port)).join(',') || '-',
    ];
  });
  context.out(
    rows.length === 0
      ? 'No workloads have joined.\n'
      : table(['WORKLOAD', 'NAMESPACE', 'HEALTH', 'PROXY', 'CONFIG', 'CAPTURE', 'PORTS'], rows),
  );
  const trouble = findTrouble(state);
  if (trouble.length > 0)
    context.out(`\n${trouble.length} ${trouble.length === 1 ? 'finding' : 'findings'}: see "topsail check".\n`);
  return 0;
}

function byName(a: WorkloadJson, b: WorkloadJson): number {
  const [left, right] = [`${a.namespace} ${a.name}`, `${b.namespace} ${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

export async function check(context: CliContext, options: MeshOptions): Promise<number> {
  const mesh = await openMesh(context, options.home);
  let state = await mesh.get<StatusJson>('/api/v1/status');
  // A push under way, or a workload that comes or goes, is no trouble: what is has to last.
  for (const end = context.clock.now() + SETTLES_WITHIN_MS; processTrouble(state).length > 0; ) {
    if (context.clock.now() >= end) break;
    await context.sleep(LOOK_MS);
    state = await mesh.get<StatusJson>('/api/v1/status');
  }
  const trouble = findTrouble(state);
  for (const line of trouble) context.out(line);
  // Warnings are advice, as istioctl's analyze has it: what runs, runs.
  if (trouble.some((line) => line.startsWith('error'))) return 1;
  if (trouble.length > 0) return 0;
  context.out(
    `All is well: ${state.proxies.length} proxies connected and in sync, ${state.objects} objects accepted.\n`,
  );
  return 0;
}

function findTrouble(state: StatusJson): string[] {
  return [
    ...state.findings.filter((finding) => finding.severity !== 'info').map(findingText),
    ...processTrouble(state),
  ];
}

/** Of proxies and workloads, as they are at this moment. */
function processTrouble(state: StatusJson): string[] {
  const lines: string[] = [];
  for (const proxy of state.proxies) {
    if (proxy.lastError !== '')
      lines.push(
        `error [proxy] ${proxy.name}.${proxy.namespace} rejected configuration: ${proxy.lastError} Look at "topsail proxy-config all ${proxy.name}".\n`,
      );
    else if (syncText(proxy) !== 'SYNCED')
      lines.push(
        `error [proxy] ${proxy.name}.${proxy.namespace} is behind (${syncText(proxy)}). If it stays so, look at "topsail logs ${proxy.name}".\n`,
      );
  }
  for (const workload of state.workloads) {
    if (!workload.connected)
      lines.push(
        `error [workload] ${workload.name}.${workload.namespace} lost its connection. Is its process still running?\n`,
      );
    else if (workload.health === 'unhealthy')
      lines.push(
        `error [workload] ${workload.name}.${workload.namespace} is unhealthy: its port does not answer. Look at "topsail logs ${workload.name}".\n`,
      );
  }
  return lines;
}

export function syncText(proxy: ProxyJson): string {
  const states = Object.values(proxy.types);
  for (const bad of ['REJECTED', 'STALE'] as const) if (states.includes(bad)) return bad;
  return states.length === 0 ? 'NOT SENT' : 'SYNCED';
}

export async function version(
  context: CliContext,
  client: string,
  options: MeshOptions & { readonly remote?: boolean },
): Promise<number> {
  context.out(`client version: ${client}\nIstio API level: 1.31\n`);
  if (options.remote === false) return 0;
  let state: StatusJson;
  try {
    state = await (await openMesh(context, options.home)).get<StatusJson>('/api/v1/status');
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    context.out(`control plane: not reached (${error.message})\n`);
    return 0;
  }
  context.out(`control plane version: ${state.version}\n`);
  const counts = new Map<string, number>();
  for (const proxy of state.proxies) {
    const name = `${proxy.dataPlane} ${proxy.version}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  context.out(
    `data plane version: ${[...counts].map(([name, n]) => `${name} (${n} ${n === 1 ? 'proxy' : 'proxies'})`).join(', ') || 'none connected'}\n`,
  );
  return 0;
}
