// What stands where Istio has ambient's node proxy: its account, and a notice instead of a DaemonSet that could only fail.
import type { KubeObject } from '#kube';
import { type Naming, labelled } from './naming.ts';

const NAME = 'ztunnel';
const NOTICE = {
  status: 'The node proxy of ambient mode is not part of this version: nothing runs here.',
  effect:
    'Pods are in the mesh by their sidecars. Those of istio.io/dataplane-mode=ambient have none: they are outside.',
  remedy:
    'Label namespaces istio-injection=enabled. To take this away: --set components.ztunnel.enabled=false, or helm uninstall.',
};

export interface ZtunnelSettings {
  readonly namespace: string;
}

export function ztunnelObjects(naming: Naming, { namespace }: ZtunnelSettings): readonly KubeObject[] {
  const meta = labelled(naming, 'Ztunnel', { app: NAME });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(NAME, namespace) },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta(NAME, namespace), data: NOTICE },
  ];
}
