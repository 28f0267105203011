// The read model behind the API's security views, over the present snapshot and the connected proxies.
import type { AuthzSource, EdgeJson } from '#api';
import type { ProxyNode } from '#base';
import type { Snapshot } from '#push';
import { authorizationPoliciesOf } from '#registry';
import { explainAuthz } from './explain-authz.ts';
import { mtlsPlan } from './mtls-plan.ts';
import { displayName } from './program-tracker.ts';

export interface AuthzViewParts {
  readonly snapshot: () => Snapshot | undefined;
  readonly nodes: () => Iterable<ProxyNode>;
  readonly edges: () => readonly EdgeJson[];
}

export function authzView(parts: AuthzViewParts): AuthzSource {
  const named = (name: string): ProxyNode | undefined =>
    [...parts.nodes()].find((node) => node.id === name || displayName(node) === name || node.parsed?.workload === name);
  const policiesOf = (node: ProxyNode) => {
    const snapshot = parts.snapshot();
    const proxy = {
      namespace: node.metadata.NAMESPACE ?? node.parsed?.namespace ?? '',
      labels: node.metadata.LABELS ?? {},
    };
    return snapshot === undefined ? [] : authorizationPoliciesOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  };
  return {
    policies: (name) => {
      const node = named(name);
      if (node === undefined) return undefined;
      return policiesOf(node).map(({ metadata, spec }) => ({
        action: spec.action ?? 'ALLOW',
        namespace: metadata.namespace,
        name: metadata.name,
        rules: spec.rules?.length ?? 0,
        dryRun: metadata.annotations['istio.io/dry-run'] === 'true',
      }));
    },
    explain: (name, ask) => {
      const node = named(name);
      const mesh = parts.snapshot()?.mesh;
      if (node === undefined || mesh === undefined) return undefined;
      const from = /^[^/]+\/[^/]+$/.test(ask.from)
        ? `${mesh.trustDomain}/ns/${ask.from.replace('/', '/sa/')}`
        : ask.from;
      return explainAuthz({ workload: displayName(node), policies: policiesOf(node), mesh, ask: { ...ask, from } });
    },
    mtlsPlan: () => {
      const snapshot = parts.snapshot();
      if (snapshot === undefined) return { windowSeconds: 0, namespaces: [] };
      const workloads = [...parts.nodes()]
        .filter((node) => node.parsed?.type === 'sidecar')
        .map((node) => ({
          namespace: node.metadata.NAMESPACE ?? node.parsed?.namespace ?? '',
          name: displayName(node),
        }));
      return mtlsPlan({ edges: parts.edges(), workloads, modes: snapshot.peerAuthentications });
    },
    workloads: () => [...parts.nodes()].map(displayName),
  };
}
