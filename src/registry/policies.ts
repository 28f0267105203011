// The AuthorizationPolicies, RequestAuthentications, Sidecars and Gateways that apply to one proxy, by namespace, root namespace and labels.

import type { ConfigView } from '#config';
import type { AuthorizationPolicy, Gateway, RequestAuthentication, Sidecar } from './kinds.ts';
import { labelsMatch } from './visibility.ts';

export interface ProxyIdentity {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Root namespace's first, then the proxy's own, by age. Policies with targetRefs are for waypoints and Kubernetes gateways. */
export function authorizationPoliciesOf(
  view: ConfigView,
  proxy: ProxyIdentity,
  rootNamespace: string,
): readonly AuthorizationPolicy[] {
  return placesOf(proxy, rootNamespace).flatMap((place) =>
    view
      .list('AuthorizationPolicy', place)
      .filter((policy) => isForWorkload(policy.spec, policy.metadata.namespace, proxy, rootNamespace)),
  );
}

/** In the same order; the rules of all of them hold together. */
export function requestAuthenticationsOf(
  view: ConfigView,
  proxy: ProxyIdentity,
  rootNamespace: string,
): readonly RequestAuthentication[] {
  return placesOf(proxy, rootNamespace).flatMap((place) =>
    view
      .list('RequestAuthentication', place)
      .filter((policy) => isForWorkload(policy.spec, policy.metadata.namespace, proxy, rootNamespace)),
  );
}

export function placesOf(proxy: ProxyIdentity, rootNamespace: string): readonly string[] {
  return proxy.namespace === rootNamespace ? [rootNamespace] : [rootNamespace, proxy.namespace];
}

/** Kubernetes' own label on what runs a Gateway of the Gateway API. */
export const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
const GATEWAY_CLASS = 'gateway.networking.k8s.io/gateway-class-name';
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

interface Targeted {
  readonly selector?: AuthorizationPolicy['spec']['selector'];
  readonly targetRef?: AuthorizationPolicy['spec']['targetRef'];
  readonly targetRefs?: AuthorizationPolicy['spec']['targetRefs'];
}

/** Does it name some workloads, rather than all of its namespace? */
export function selectsWorkloads({ selector, targetRef, targetRefs }: Targeted): boolean {
  return (
    Object.keys(selector?.matchLabels ?? {}).length > 0 || targetRef !== undefined || (targetRefs ?? []).length > 0
  );
}

/** Labels that choose, all of them together. */
export interface Choice {
  /** Undefined: of any. */
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export function isChosen({ namespace, labels }: Choice, proxy: ProxyIdentity): boolean {
  return (namespace === undefined || namespace === proxy.namespace) && labelsMatch(labels, proxy.labels);
}

/** A policy with targets is for gateways that run them; those for Services and ServiceEntries are waypoints' business. */
export function choicesOf(spec: Targeted, namespace: string, rootNamespace: string): readonly Choice[] {
  const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...(spec.targetRefs ?? [])];
  if (targets.length === 0) return [{ namespace: undefined, labels: spec.selector?.matchLabels ?? {} }];
  return targets.flatMap(({ group, kind, name }): readonly Choice[] => {
    if (group !== GATEWAY_GROUP) return [];
    if (kind === 'Gateway') return [{ namespace, labels: { [GATEWAY_NAME]: name } }];
    const everywhere = kind === 'GatewayClass' && namespace === rootNamespace;
    return everywhere ? [{ namespace: undefined, labels: { [GATEWAY_CLASS]: name } }] : [];
  });
}

/** Does a policy of its own namespace, or of the root namespace, name it? */
export function isForWorkload(spec: Targeted, namespace: string, proxy: ProxyIdentity, rootNamespace: string): boolean {
  return choicesOf(spec, namespace, rootNamespace).some((choice) => isChosen(choice, proxy));
}

/** The mesh's, the namespace's, the workload's: at most one of each, the oldest; the narrowest comes last. */
export function levelsOf<T extends { readonly spec: Targeted; readonly metadata: { readonly namespace: string } }>(
  ofRoot: readonly T[],
  ofNamespace: readonly T[],
  { proxy, rootNamespace }: { readonly proxy: ProxyIdentity; readonly rootNamespace: string },
): readonly T[] {
  const whole = (list: readonly T[]): T | undefined => list.find(({ spec }) => !selectsWorkloads(spec));
  const own = ofNamespace.find(
    ({ spec, metadata }) => selectsWorkloads(spec) && isForWorkload(spec, metadata.namespace, proxy, rootNamespace),
  );
  const namespace = proxy.namespace === rootNamespace ? undefined : whole(ofNamespace);
  return [whole(ofRoot), namespace, own].filter((one) => one !== undefined);
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
  return view.list('Gateway').filter((gateway) => isChosen(gatewayChoice(gateway), proxy));
}

/** The Gateway API's label names an object of the workload's own namespace: one of that name elsewhere is another. */
export function gatewayChoice({ metadata, spec: { selector = {} } }: Gateway): Choice {
  return { namespace: selector[GATEWAY_NAME] === undefined ? undefined : metadata.namespace, labels: selector };
}

/** Unless a label keeps them apart, one workload may run both. */
export function mayShareWorkload(a: Gateway, b: Gateway): boolean {
  const other = b.spec.selector ?? {};
  const named = a.spec.selector?.[GATEWAY_NAME] !== undefined && other[GATEWAY_NAME] !== undefined;
  if (named && a.metadata.namespace !== b.metadata.namespace) return false;
  for (const [label, value] of Object.entries(a.spec.selector ?? {}))
    if (other[label] !== undefined && other[label] !== value) return false;
  return true;
}
