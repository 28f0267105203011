// Which mutual TLS a workload's port demands: mesh, then namespace, then workload, then port (inventory §1.8).

import type { ObjectRef } from '#base';
import { type ConfigView, refOf } from '#config';
import type { PeerAuthentication } from './kinds.ts';
import type { Endpoint } from './model.ts';
import { labelsMatch } from './visibility.ts';

export type MtlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

export interface PeerAuthenticationIndex {
  /** Of a workload's declared port; without a port, of its other ports. */
  modeOf(
    workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
    port?: number,
  ): MtlsMode;
  /** Of a namespace, for clients that must judge a service before they know its endpoints. */
  modeOfNamespace(namespace: string): MtlsMode;
  originsOf(workload: {
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  }): readonly ObjectRef[];
  /** The objects that decide about a namespace: equal lists mean equal answers. */
  inputsOf(namespace: string): readonly object[];
}

/** What clients are to expect there: where no proxy is, nobody can demand the mesh's TLS, whatever is written for the namespace. */
export function modeOfEndpoint(modes: Pick<PeerAuthenticationIndex, 'modeOf'>, endpoint: Endpoint): MtlsMode {
  const mode = modes.modeOf(endpoint, endpoint.declaredPort);
  return endpoint.outside && mode === 'STRICT' ? 'PERMISSIVE' : mode;
}

export function buildPeerAuthentications(view: ConfigView, rootNamespace: string): PeerAuthenticationIndex {
  const all = view.list('PeerAuthentication');
  const mesh = all.find((policy) => policy.metadata.namespace === rootNamespace && !selects(policy));
  const byNamespace = new Map<string, { whole: PeerAuthentication | undefined; selecting: PeerAuthentication[] }>();
  for (const policy of all) {
    const entry = byNamespace.get(policy.metadata.namespace) ?? { whole: undefined, selecting: [] };
    byNamespace.set(policy.metadata.namespace, entry);
    if (selects(policy)) entry.selecting.push(policy);
    else entry.whole ??= policy;
  }

  const modeOfNamespace = (namespace: string): MtlsMode => {
    const meshMode = known(mesh?.spec.mtls?.mode) ?? 'PERMISSIVE';
    return known(byNamespace.get(namespace)?.whole?.spec.mtls?.mode) ?? meshMode;
  };
  const selectingOf = (namespace: string, labels: Readonly<Record<string, string>>): PeerAuthentication[] =>
    (byNamespace.get(namespace)?.selecting ?? []).filter((policy) =>
      labelsMatch(policy.spec.selector?.matchLabels, labels),
    );

  return {
    modeOfNamespace,
    modeOf: ({ namespace, labels }, port) => {
      const selecting = selectingOf(namespace, labels);
      for (const policy of port === undefined ? [] : selecting) {
        const mode = known(policy.spec.portLevelMtls?.[String(port)]?.mode);
        if (mode !== undefined) return mode;
      }
      for (const policy of selecting) {
        const mode = known(policy.spec.mtls?.mode);
        if (mode !== undefined) return mode;
      }
      return modeOfNamespace(namespace);
    },
    originsOf: ({ namespace, labels }) =>
      [mesh, byNamespace.get(namespace)?.whole, ...selectingOf(namespace, labels)]
        .filter((p) => p !== undefined)
        .map((p) => refOf(p)),
    inputsOf: (namespace) =>
      [mesh, byNamespace.get(namespace)?.whole, ...(byNamespace.get(namespace)?.selecting ?? [])].filter(
        (p) => p !== undefined,
      ),
  };
}

function selects(policy: PeerAuthentication): boolean {
  return Object.keys(policy.spec.selector?.matchLabels ?? {}).length > 0;
}

/** UNSET inherits. */
function known(mode: string | undefined): MtlsMode | undefined {
  return mode === 'DISABLE' || mode === 'PERMISSIVE' || mode === 'STRICT' ? mode : undefined;
}
