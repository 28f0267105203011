// topsail dashboard: a link that lets one browser write; and, as istioctl has it, the pages of addons and of control
// plane and proxies.
import { type CliContext, CliError } from './context.ts';
import { findHome } from './find-mesh.ts';
import { openMesh } from './mesh-client.ts';

export interface DashboardOptions {
  readonly home?: string;
  readonly browser?: boolean;
  readonly address?: string;
  readonly port?: string;
}

/** Ports that istioctl knows the addons by. */
export const ADDON_PORTS: Readonly<Record<string, number>> = {
  prometheus: 9090,
  grafana: 3000,
  jaeger: 16686,
  kiali: 20001,
  zipkin: 9411,
  skywalking: 8080,
};
const REACH_TIMEOUT_MS = 2_000;

export async function dashboard(
  context: CliContext,
  what: string | undefined,
  workload: string | undefined,
  options: DashboardOptions,
): Promise<number> {
  const url = await addressOf(context, what, workload, options);
  context.out(`${url}\n`);
  if (options.browser === true) await context.open(url);
  return 0;
}

function addressOf(
  context: CliContext,
  what: string | undefined,
  workload: string | undefined,
  options: DashboardOptions,
): Promise<string> {
  if (what === undefined) return ownPage(context, options);
  if (what === 'controlz') return controlPages(context, options);
  return what === 'envoy' || what === 'proxy'
    ? proxyPages(context, workload, options)
    : addonPage(context, what, options);
}

/** The code in the link works once and for ten minutes; the token itself never stands in an address. */
async function ownPage(context: CliContext, options: DashboardOptions): Promise<string> {
  const mesh = await openMesh(context, options.home);
  const { code } = await mesh.post<{ readonly code: string }>('/api/v1/sign-in/code', {});
  return `${mesh.run.address}/#code=${code}`;
}

async function controlPages(context: CliContext, options: DashboardOptions): Promise<string> {
  const mesh = await openMesh(context, options.home);
  return `http://127.0.0.1:${mesh.run.monitoringPort}/debug`;
}

/** Each agent keeps a record of its workload below the mesh's home. */
async function proxyPages(
  context: CliContext,
  workload: string | undefined,
  options: DashboardOptions,
): Promise<string> {
  if (workload === undefined) throw new CliError('Say whose proxy: topsail dashboard envoy NAME.');
  const home = await findHome(context, options.home);
  const [name = '', namespace = 'default'] = workload.split('.');
  const text = await context.fs.readText(context.resolvePath(home, 'run/workloads', `${name}.${namespace}.json`));
  if (text === undefined)
    throw new CliError(`No workload ${name} of namespace ${namespace} was started on this machine in ${home}.`);
  return `http://127.0.0.1:${(JSON.parse(text) as { readonly adminPort: number }).adminPort}`;
}

async function addonPage(context: CliContext, what: string, options: DashboardOptions): Promise<string> {
  const port = Number(options.port ?? ADDON_PORTS[what]);
  const host = options.address ?? '127.0.0.1';
  const answer = await context.call({ target: { host, port }, method: 'GET', path: '/', timeoutMs: REACH_TIMEOUT_MS });
  if (answer === undefined) {
    throw new CliError(
      `No ${what} answers at ${host}:${port}. On Kubernetes forward its port first ("kubectl -n istio-system port-forward svc/${what} ${port}"), or say where it is with --address and --port. Topsail's own page needs none of them: topsail dashboard.`,
    );
  }
  return `http://${host}:${port}`;
}
