// CUSTOM policies whose provider cannot be asked deny what they match: their owner is told why (design 8).

import type { ConfigView } from '#config';
import { type Condition, condition, type MeshSettings, type ServiceIndex } from '#registry';

export function checkAuthorizers(config: ConfigView, services: ServiceIndex, mesh: MeshSettings): readonly Condition[] {
  const found: Condition[] = [];
  for (const policy of config.list('AuthorizationPolicy')) {
    if (policy.spec.action !== 'CUSTOM') continue;
    const provider = policy.spec.provider?.name ?? '';
    const fault = faultOf(provider, services, mesh);
    if (fault !== undefined)
      found.push(condition('TS-REG-013', policy, { path: 'spec.provider.name', provider, fault }));
  }
  return found;
}

function faultOf(name: string, services: ServiceIndex, mesh: MeshSettings): string | undefined {
  const provider = mesh.spec.extensionProviders?.find((one) => one.name === name);
  if (provider === undefined) return 'is not among the extensionProviders of MeshConfig';
  if (provider.opaWasm !== undefined) return undefined;
  const asked = provider.envoyExtAuthzGrpc ?? provider.envoyExtAuthzHttp ?? provider.opa;
  if (asked === undefined) return 'is no external authorizer';
  const host = asked.service.slice(asked.service.indexOf('/') + 1);
  const service = services.byHost.get(host);
  return service === undefined ? `sends to ${host}, which is no service of the mesh` : undefined;
}
