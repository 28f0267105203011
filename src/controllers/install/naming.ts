// Names and labels of what is installed: Istio's, and one label that says whose it is.
import type { KubeMeta } from '#kube';

/** Only what carries this is ever changed or removed. */
export const OWNER_LABEL = 'app.kubernetes.io/managed-by';
export const OWNER = 'topsail';
export const REVISION_LABEL = 'istio.io/rev';
export const COMPONENT_LABEL = 'operator.istio.io/component';

export interface Naming {
  readonly namespace: string;
  /** '' for the default revision, else '-REVISION'. */
  readonly suffix: string;
  readonly revision: string;
}

export function namingOf(settings: { readonly namespace: string; readonly revision: string }): Naming {
  const { namespace, revision } = settings;
  return { namespace, revision, suffix: revision === 'default' ? '' : `-${revision}` };
}

export function labelled(
  naming: Naming,
  component: string,
  more: Readonly<Record<string, string>> = {},
): (name: string, namespace?: string) => KubeMeta {
  const labels = {
    ...more,
    [REVISION_LABEL]: naming.revision,
    [COMPONENT_LABEL]: component,
    'install.operator.istio.io/owning-resource': 'installed-state',
    [OWNER_LABEL]: OWNER,
    'app.kubernetes.io/part-of': 'istio',
  };
  return (name, namespace) => ({ name, ...(namespace === undefined ? {} : { namespace }), labels });
}
