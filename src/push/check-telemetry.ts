// Telemetry objects whose providers lead nowhere: unknown names, kinds that are not in force, services that do not exist.

import type { ConfigView, ExtensionProvider } from '#config';
import {
  type Condition,
  condition,
  type MeshSettings,
  providerNamed,
  type ServiceIndex,
  type Telemetry,
} from '#registry';

const USES = {
  tracing: ['zipkin', 'opentelemetry'],
  metrics: ['prometheus'],
  accessLogging: ['envoyFileAccessLog', 'envoyHttpAls', 'envoyTcpAls', 'envoyOtelAls'],
} as const satisfies Record<string, readonly (keyof ExtensionProvider)[]>;

export function checkTelemetry(config: ConfigView, mesh: MeshSettings, services: ServiceIndex): readonly Condition[] {
  const found: Condition[] = [];
  for (const object of config.list('Telemetry')) {
    for (const what of ['tracing', 'metrics', 'accessLogging'] as const) {
      for (const [i, entry] of (object.spec[what] ?? []).entries()) {
        for (const [j, { name }] of (entry.providers ?? []).entries())
          found.push(...judge(object, what, name, `spec.${what}[${i}].providers[${j}].name`, mesh, services));
      }
    }
  }
  return found;
}

function judge(
  object: Telemetry,
  what: keyof typeof USES,
  name: string,
  path: string,
  mesh: MeshSettings,
  services: ServiceIndex,
): readonly Condition[] {
  const provider = providerNamed(mesh, name);
  if (provider === undefined) return [condition('TS-REG-010', object, { path, provider: name })];
  const kind = USES[what].find((one) => provider[one] !== undefined);
  if (kind === undefined) return [condition('TS-REG-012', object, { path, provider: name, what })];
  const { service, port } = (provider[kind] ?? {}) as { readonly service?: string; readonly port?: number };
  if (service === undefined || port === undefined) return [];
  const host = service.slice(service.indexOf('/') + 1);
  const candidates = services.byHost.get(host) ?? services.byHost.get(`${host}.svc.${services.domain}`) ?? [];
  const known = candidates.some(({ ports }) => ports.some(({ number }) => number === port));
  return known ? [] : [condition('TS-REG-011', object, { path, provider: name, service: host, port: String(port) })];
}
