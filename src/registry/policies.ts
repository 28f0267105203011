// The AuthorizationPolicies, Sidecars and Gateways that apply to one proxy, by namespace, root namespace and labels.

import type { ConfigView } from '#config';
import type { AuthorizationPolicy, Gateway, Sidecar } from './kinds.ts';
import { labelsMatch } from './visibility.ts';

export interface ProxyIdentity {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Root namespace's first, then the proxy's own, by age. Policies with targetRefs are for waypoints and Kubernetes gateways. */
export function authorizationPoliciesOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): readonly AuthorizationPolicy[] {
  const places = proxy.namespace === rootNamespace ? [rootNamespace] : [rootNamespace, proxy.namespace];
  return places.flatMap((place) =>
    view
      .list('AuthorizationPolicy', place)
      .filter((policy) => policy.spec.targetRef === undefined && (policy.spec.targetRefs ?? []).length === 0)
      .filter((policy) => labelsMatch(policy.spec.selector?.matchLabels, proxy.labels)),
  );
}

/** The one that selects the workload, else the namespace's, else the root namespace's; the oldest of each. */
export function sidecarOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): Sidecar | undefined {
  const own = view.list('Sidecar', proxy.namespace);
  const selects = (sidecar: Sidecar): boolean => Object.keys(sidecar.spec.workloadSelector?.labels ?? {}).length > 0;
  return (
    own.find((sidecar) => selects(sidecar) && labelsMatch(sidecar.spec.workloadSelector?.labels, proxy.labels)) ??
    own.find((sidecar) => !selects(sidecar)) ??
    view.list('Sidecar', rootNamespace).find((sidecar) => !selects(sidecar))
  );
}

export function gatewaysOf(view: ConfigView, proxy: ProxyIdentity): readonly Gateway[] {
  return view.list('Gateway').filter((gateway) => labelsMatch(gateway.spec.selector, proxy.labels));
}
