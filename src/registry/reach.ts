// The proxies that an object is for: by its kind, its namespace and what it selects. Others get nothing of it.

import type { ConfigObject, SpecOf } from '#config';
import type { Gateway } from './kinds.ts';
import { type Choice, choicesOf, gatewayChoice, isChosen, type ProxyIdentity, selectsWorkloads } from './policies.ts';

export interface Reach {
  /** One of them suffices; none means nobody. */
  readonly choices: readonly Choice[];
  /** Only proxies of this kind. */
  readonly only?: 'sidecar' | 'router';
}

export const EVERYBODY: Reach = { choices: [{ namespace: undefined, labels: {} }] };

/** Each of them is asked of the proxy itself. Kinds that are not here may be for any client in the mesh. */
export function reachOf(object: ConfigObject, rootNamespace: string): Reach {
  switch (object.kind) {
    case 'AuthorizationPolicy':
    case 'RequestAuthentication':
    case 'WasmPlugin':
    case 'RateLimit': {
      const { spec, metadata } = object as ConfigObject<SpecOf<'AuthorizationPolicy'>>;
      return { choices: within(metadata.namespace, rootNamespace, choicesOf(spec, metadata.namespace, rootNamespace)) };
    }
    case 'Telemetry':
    case 'MessageLimits':
    case 'PeerAuthentication': {
      const { spec, metadata } = object as ConfigObject<SpecOf<'Telemetry'>>;
      const { namespace } = metadata;
      return {
        choices: level(namespace, rootNamespace, selectsWorkloads(spec), choicesOf(spec, namespace, rootNamespace)),
      };
    }
    case 'Sidecar': {
      const { spec, metadata } = object as ConfigObject<SpecOf<'Sidecar'>>;
      const labels = spec.workloadSelector?.labels ?? {};
      const selects = Object.keys(labels).length > 0;
      return {
        choices: level(metadata.namespace, rootNamespace, selects, [{ namespace: undefined, labels }]),
        only: 'sidecar',
      };
    }
    case 'Gateway':
      return { choices: [gatewayChoice(object as Gateway)], only: 'router' };
    case 'DestinationRule': {
      const { spec, metadata } = object as ConfigObject<SpecOf<'DestinationRule'>>;
      const labels = spec.workloadSelector?.matchLabels;
      return labels === undefined ? EVERYBODY : { choices: [{ namespace: metadata.namespace, labels }] };
    }
    case 'Secret':
      // A Gateway of another namespace may be granted it.
      return { ...EVERYBODY, only: 'router' };
    default:
      return EVERYBODY;
  }
}

export function isReached({ choices, only }: Reach, proxy: ProxyIdentity & { readonly type: string }): boolean {
  return isOfType(only, proxy.type) && choices.some((choice) => isChosen(choice, proxy));
}

export function isOfType(only: Reach['only'], type: string): boolean {
  return only === undefined || (type === 'router') === (only === 'router');
}

/** The root namespace's are for the whole mesh. */
function within(namespace: string, rootNamespace: string, choices: readonly Choice[]): readonly Choice[] {
  return namespace === rootNamespace ? choices : at(namespace, choices);
}

/** Of which one counts for mesh, namespace and workload: what selects is for workloads of its own namespace, also in the root namespace. */
function level(
  namespace: string,
  rootNamespace: string,
  selects: boolean,
  choices: readonly Choice[],
): readonly Choice[] {
  return selects ? at(namespace, choices) : within(namespace, rootNamespace, choices);
}

function at(namespace: string, choices: readonly Choice[]): readonly Choice[] {
  return choices.map(({ labels }) => ({ namespace, labels }));
}
