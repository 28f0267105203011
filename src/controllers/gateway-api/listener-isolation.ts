// Which listener of a port a host belongs to: the most specific one that covers it, and no other (Gateway API, listener isolation).
import type { KubernetesGateway, Listener } from './resources.ts';

const HTTP: ReadonlySet<string> = new Set(['HTTP', 'HTTPS']);

/** Listeners of the same port whose hostname is narrower than this one's. */
function narrowerListeners(listener: Listener, gateway: KubernetesGateway): readonly Listener[] {
  if (!HTTP.has(listener.protocol)) return [];
  return gateway.spec.listeners.filter(
    (other) =>
      other.port === listener.port &&
      other.protocol === listener.protocol &&
      hostOf(other) !== hostOf(listener) &&
      covers(hostOf(listener), hostOf(other)),
  );
}

/** A narrower listener covers it all: its routes answer, or nobody's. */
export function belongsElsewhere(host: string, listener: Listener, gateway: KubernetesGateway): boolean {
  return narrowerListeners(listener, gateway).some((other) => covers(hostOf(other), host));
}

/** Whether requests for this listener's hosts would go to a wider one's routes, had it none itself. */
export function isShadowed(listener: Listener, gateway: KubernetesGateway): boolean {
  return gateway.spec.listeners.some((other) => narrowerListeners(other, gateway).includes(listener));
}

export function hostOf({ hostname }: Listener): string {
  return hostname === undefined || hostname === '' ? '*' : hostname;
}

/** `*.a` covers `b.a`, `c.b.a` and `*.b.a`, and itself; `*` covers everything. */
function covers(wide: string, host: string): boolean {
  if (wide === '*' || wide === host) return true;
  const name = host.startsWith('*') ? host.slice(1) : host;
  return wide.startsWith('*.') && name.length > wide.length - 1 && name.endsWith(wide.slice(1));
}
