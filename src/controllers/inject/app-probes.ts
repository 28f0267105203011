// Probes and lifecycle hooks of the application are asked through the agent: the kubelet has no certificate, and capture would send it to the proxy.
import type { Container, HttpGetAction, LifecycleHandler, Probe } from '../kube/pod.ts';

const KINDS = [
  ['livenessProbe', 'livez'],
  ['readinessProbe', 'readyz'],
  ['startupProbe', 'startupz'],
] as const;
const HOOKS = [
  ['postStart', 'poststartz'],
  ['preStop', 'prestopz'],
] as const;

/** What the agent asks in the kubelet's place, by path. The same JSON as Istio's ISTIO_KUBE_APP_PROBERS. */
export interface AppProber {
  httpGet?: HttpGetAction;
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  timeoutSeconds?: number;
}

/** The containers with their probes and hooks pointed at the agent, and what the agent must know. A hook may take `hookSeconds`. */
export function rewriteProbes(
  containers: readonly Container[],
  statusPort: number,
  hookSeconds: number,
): { readonly containers: Container[]; readonly probers: Readonly<Record<string, AppProber>> } {
  const probers: Record<string, AppProber> = {};
  const rewritten = containers.map((container) => {
    const changed: Container = { ...container };
    for (const [field, path] of KINDS) {
      const probe = container[field];
      const prober = probe === undefined ? undefined : proberOf(probe, container);
      if (probe === undefined || prober === undefined) continue;
      const where = `/app-health/${container.name}/${path}`;
      probers[where] = prober;
      changed[field] = atAgent(probe, where, statusPort);
    }
    for (const [field, path] of HOOKS) {
      const hook = container.lifecycle?.[field];
      const prober = hook === undefined ? undefined : proberOf({ ...hook, timeoutSeconds: hookSeconds }, container);
      if (hook === undefined || prober === undefined) continue;
      const where = `/app-lifecycle/${container.name}/${path}`;
      probers[where] = prober;
      changed.lifecycle = { ...changed.lifecycle, [field]: atAgent<LifecycleHandler>(hook, where, statusPort) };
    }
    return changed;
  });
  return { containers: rewritten, probers };
}

/** Undefined for what the kubelet does itself (exec, sleep). */
function proberOf(probe: Probe, container: Container): AppProber | undefined {
  const timeout = probe.timeoutSeconds === undefined ? {} : { timeoutSeconds: probe.timeoutSeconds };
  if (probe.httpGet !== undefined) {
    const { port, ...rest } = probe.httpGet;
    return { httpGet: { ...rest, port: numberOf(port, container) }, ...timeout };
  }
  if (probe.tcpSocket !== undefined)
    return { tcpSocket: { ...probe.tcpSocket, port: numberOf(probe.tcpSocket.port, container) }, ...timeout };
  if (probe.grpc !== undefined) return { grpc: probe.grpc, ...timeout };
  return undefined;
}

function atAgent<T extends Probe | LifecycleHandler>(probe: T, path: string, port: number): T {
  const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...times } = probe as Probe;
  return { ...times, httpGet: { path, port, scheme: 'HTTP' } } as T;
}

function numberOf(port: number | string, container: Container): number | string {
  if (typeof port === 'number') return port;
  return container.ports?.find((one) => one.name === port)?.containerPort ?? port;
}
