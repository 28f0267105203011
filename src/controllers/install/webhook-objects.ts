// The webhooks as Istio has them: injection by revision and by namespace or pod label, validation of the mesh's kinds.
import type { KubeObject } from '#kube';
import { MESH_GROUPS } from './access-objects.ts';
import { type Naming, labelled } from './naming.ts';

interface Expression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

const INJECT = 'sidecar.istio.io/inject';
const REV = 'istio.io/rev';
const ENABLED = 'istio-injection';
const absent = (key: string): Expression => ({ key, operator: 'DoesNotExist' });
const one = (key: string, ...values: string[]): Expression => ({ key, operator: 'In', values });
const not = (key: string, ...values: string[]): Expression => ({ key, operator: 'NotIn', values });
const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

export interface InjectionWebhook {
  readonly name: string;
  /** Revisions or tags whose label means this control plane. */
  readonly revision: string;
  readonly tag: string | undefined;
  /** Answers for `istio-injection=enabled` too. */
  readonly isDefault: boolean;
  readonly enableNamespacesByDefault: boolean;
}

export function injectionWebhook(naming: Naming, hook: InjectionWebhook): KubeObject {
  const { tag, revision, isDefault } = hook;
  const rev = tag ?? revision;
  const entry = (prefix: string, namespaces: readonly Expression[], objects: readonly Expression[]): unknown => ({
    name: `${prefix}sidecar-injector.istio.io`,
    clientConfig: {
      service: { name: `istiod${naming.suffix}`, namespace: naming.namespace, path: '/inject', port: 443 },
    },
    sideEffects: 'None',
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 10,
    namespaceSelector: { matchExpressions: namespaces },
    objectSelector: { matchExpressions: objects },
  });
  const webhooks = [
    entry('rev.namespace.', [one(REV, rev), absent(ENABLED)], [not(INJECT, 'false')]),
    entry('rev.object.', [absent(REV), absent(ENABLED)], [not(INJECT, 'false'), one(REV, rev)]),
  ];
  if (isDefault) {
    webhooks.push(
      entry('namespace.', [one(ENABLED, 'enabled')], [not(INJECT, 'false')]),
      entry('object.', [absent(ENABLED), absent(REV)], [one(INJECT, 'true'), absent(REV)]),
    );
    if (hook.enableNamespacesByDefault)
      webhooks.push(
        entry(
          'auto.',
          [absent(ENABLED), absent(REV), not('kubernetes.io/metadata.name', ...SYSTEM_NAMESPACES)],
          [absent(INJECT), absent(REV)],
        ),
      );
  }
  const meta = labelled(naming, 'Pilot', {
    app: 'sidecar-injector',
    ...(tag === undefined ? {} : { 'istio.io/tag': tag }),
  });
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: meta(hook.name),
    webhooks,
  };
}

export function injectorName({ suffix, namespace }: Naming): string {
  return `istio-sidecar-injector${suffix}${namespace === 'istio-system' ? '' : `-${namespace}`}`;
}

/** Begins by letting everything pass: the control plane turns it to Fail when it serves. */
export function validationWebhook(naming: Naming): KubeObject {
  const { suffix, namespace, revision } = naming;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: labelled(naming, 'Pilot', { app: 'istiod', istio: 'istiod' })(`istio-validator${suffix}-${namespace}`),
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: { service: { name: `istiod${suffix}`, namespace, path: '/validate', port: 443 } },
        rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: MESH_GROUPS, apiVersions: ['*'], resources: ['*'] }],
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 10,
        objectSelector: { matchExpressions: revision === 'default' ? [] : [one(REV, revision)] },
      },
    ],
  };
}
