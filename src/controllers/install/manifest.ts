// Everything that an installation consists of, as objects, in the order in which they are applied.
import type { KubeObject } from '#kube';
import { accessObjects } from './access-objects.ts';
import { cniObjects } from './cni-objects.ts';
import { gatewayObjects } from './gateway-objects.ts';
import { istiodObjects } from './istiod-objects.ts';
import { labelled, namingOf } from './naming.ts';
import type { InstallSettings } from './settings.ts';
import { ztunnelObjects } from './ztunnel-objects.ts';
import { injectionWebhook, injectorName, validationWebhook } from './webhook-objects.ts';

export interface Component {
  /** As it is told to the user: "Istio core", "Istiod", "Ingress gateways". */
  readonly title: string;
  readonly objects: readonly KubeObject[];
}

export interface ManifestInput {
  readonly settings: InstallSettings;
  /** CustomResourceDefinitions, as deploy/crds has them. */
  readonly crds: readonly KubeObject[];
  readonly yaml: (value: unknown) => string;
}

export function manifest({ settings, crds, yaml }: ManifestInput): readonly Component[] {
  const naming = namingOf(settings);
  const { namespace, revision } = settings;
  const components: Component[] = [];
  if (settings.base) {
    // The namespace and the kinds belong to all revisions.
    const meta = labelled({ ...naming, revision: 'default' }, 'Base');
    const own = meta('').labels ?? {};
    const kinds = crds.map((crd) => ({
      ...crd,
      metadata: { ...crd.metadata, labels: { ...crd.metadata.labels, ...own } },
    }));
    components.push({
      title: 'Istio core',
      objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: meta(namespace) }, ...kinds],
    });
  }
  if (settings.pilot !== undefined) {
    const isDefault = revision === 'default';
    const hook = injectionWebhook(naming, {
      name: injectorName(naming),
      revision,
      tag: undefined,
      isDefault,
      enableNamespacesByDefault: settings.enableNamespacesByDefault,
    });
    components.push({
      title: 'Istiod',
      objects: [
        ...accessObjects(naming, {
          signers: settings.certSigners,
          untaints: settings.pilot.taint.access,
        }),
        ...istiodObjects(settings, naming, yaml),
        hook,
        validationWebhook(naming),
      ],
    });
  }
  if (settings.cni !== undefined)
    components.push({ title: 'CNI', objects: cniObjects(settings, naming, settings.cni) });
  if (settings.ztunnel !== undefined)
    components.push({ title: 'Ztunnel', objects: ztunnelObjects(naming, settings.ztunnel) });
  for (const [role, title] of [
    ['ingress', 'Ingress gateways'],
    ['egress', 'Egress gateways'],
  ] as const) {
    const objects = settings.gateways
      .filter((one) => one.role === role)
      .flatMap((one) => gatewayObjects(settings, naming, one));
    if (objects.length > 0) components.push({ title, objects });
  }
  return components;
}
