// The environment of a process in the mesh: its ports and, in interception mode NONE, the way out and where services are.
import { serviceLoopback } from '#base';
import type { WorkloadSpec } from './workload-spec.ts';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

export interface ChildEnvFacts {
  readonly appPorts: ReadonlyMap<number, number>;
  /** Undefined where traffic is captured: the process then needs to know nothing. */
  readonly httpProxyPort: number | undefined;
  readonly loopbackBlock: string;
  readonly services: readonly ServiceAddress[];
  readonly domain: string;
}

export function childEnv(spec: WorkloadSpec, facts: ChildEnvFacts): Record<string, string> {
  const env: Record<string, string> = facts.httpProxyPort === undefined ? {} : proxyEnv(facts.httpProxyPort);
  for (const [i, { name, port }] of spec.ports.entries()) {
    const app = String(facts.appPorts.get(port) ?? port);
    if (i === 0) env['PORT'] = app;
    if (name !== '') env[`PORT_${shout(name)}`] = app;
    env[`PORT_${port}`] = app;
  }
  for (const { host, port } of facts.httpProxyPort === undefined ? [] : facts.services) {
    const name = serviceName(host, spec.namespace, facts.domain);
    if (name === undefined || `${shout(name)}_SERVICE_HOST` in env) continue;
    env[`${shout(name)}_SERVICE_HOST`] = serviceLoopback(facts.loopbackBlock, host);
    env[`${shout(name)}_SERVICE_PORT`] = String(port);
  }
  return env;
}

function proxyEnv(port: number): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`;
  return {
    http_proxy: proxy,
    HTTP_PROXY: proxy,
    // Not https_proxy: CONNECT to places outside is the application's own choice.
    no_proxy: '',
    NO_PROXY: '',
    NODE_USE_ENV_PROXY: '1',
  };
}

/** `outbound|9080||reviews.default.svc.cluster.local` -> host and port; subsets and others are left out. */
export function serviceOfCluster(cluster: string): ServiceAddress | undefined {
  const [direction, port, subset, host] = cluster.split('|');
  return direction === 'outbound' && subset === '' && host !== undefined && host !== ''
    ? { host, port: Number(port) }
    : undefined;
}

/** Kubernetes gives a pod the services of its own namespace. */
function serviceName(host: string, namespace: string, domain: string): string | undefined {
  const suffix = `.${namespace}.svc.${domain}`;
  return host.endsWith(suffix) ? host.slice(0, -suffix.length) : undefined;
}

function shout(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}
