// Which of the mesh's external authorizers the policies of a workload name, and where they are (inventory §7, CUSTOM).

import type { ExtensionProvider } from '#config';
import type { AuthorizationPolicy, MeshSettings, Service } from '#registry';
import { outboundCluster } from '../names.ts';

export interface ResolvedProvider {
  readonly name: string;
  /** Undefined: there is no such provider, it is of another kind, or its service is unknown. All that its policies match is then denied. */
  readonly decider: Decider | undefined;
}

export type Decider =
  | {
      readonly kind: 'grpc';
      readonly config: NonNullable<ExtensionProvider['envoyExtAuthzGrpc']>;
      readonly cluster: string;
      readonly host: string;
    }
  | {
      readonly kind: 'http';
      readonly config: NonNullable<ExtensionProvider['envoyExtAuthzHttp']>;
      readonly cluster: string;
      readonly host: string;
    }
  | {
      readonly kind: 'opa';
      readonly config: NonNullable<ExtensionProvider['opa']>;
      readonly cluster: string;
      readonly host: string;
    }
  | { readonly kind: 'wasm'; readonly config: NonNullable<ExtensionProvider['opaWasm']> };

export interface ProviderPlace {
  readonly mesh: MeshSettings;
  readonly service: (host: string) => Service | undefined;
  /** Stock Envoy knows no OPA. */
  readonly envoy: boolean;
}

/** One for each name, in order of names. */
export function resolveProviders(
  policies: readonly AuthorizationPolicy[],
  place: ProviderPlace,
): readonly ResolvedProvider[] {
  const names = new Set(
    policies.filter(({ spec }) => spec.action === 'CUSTOM').map(({ spec }) => spec.provider?.name ?? ''),
  );
  return [...names].sort().map((name) => ({ name, decider: decider(name, place) }));
}

/** For cache keys: what of the answer does not follow from policies and mesh. */
export function providersKey(providers: readonly ResolvedProvider[]): string {
  return providers
    .map(
      ({ name, decider }) =>
        `${name}=${decider === undefined ? '' : decider.kind === 'wasm' ? 'wasm' : decider.cluster}`,
    )
    .join(' ');
}

function decider(name: string, place: ProviderPlace): Decider | undefined {
  const provider = place.mesh.spec.extensionProviders?.find((one) => one.name === name);
  if (provider === undefined) return undefined;
  const { envoyExtAuthzGrpc: grpc, envoyExtAuthzHttp: http, opa, opaWasm: wasm } = provider;
  if (wasm !== undefined) return place.envoy ? undefined : { kind: 'wasm', config: wasm };
  const at = (service: string, port: number): { readonly cluster: string; readonly host: string } | undefined => {
    const [namespace, named] = service.includes('/') ? service.split('/', 2) : [undefined, service];
    const found = place.service(named ?? '');
    if (
      found === undefined ||
      (namespace !== undefined && found.namespace !== namespace) ||
      !found.ports.some(({ number }) => number === port)
    )
      return undefined;
    return { cluster: outboundCluster(port, '', found.hostname), host: found.hostname };
  };
  if (grpc !== undefined) {
    const where = at(grpc.service, grpc.port);
    return where === undefined ? undefined : { kind: 'grpc', config: grpc, ...where };
  }
  if (http !== undefined) {
    const where = at(http.service, http.port);
    return where === undefined ? undefined : { kind: 'http', config: http, ...where };
  }
  if (opa === undefined || place.envoy) return undefined;
  const where = at(opa.service, opa.port);
  return where === undefined ? undefined : { kind: 'opa', config: opa, ...where };
}
