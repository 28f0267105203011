// The CustomResourceDefinition of a kind, as Istio's CRDs are: all served versions with one schema, so that nothing is converted.

import { type Json, plainSchema } from './json-schema.ts';
import { KINDS, type KindInfo, type KindName, SCHEMAS } from './kinds.ts';
import { shapeOf } from './shape.ts';

const STATUS: Json = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    conditions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { type: 'string' },
          status: { type: 'string' },
          reason: { type: 'string' },
          message: { type: 'string' },
          lastProbeTime: { type: 'string', format: 'date-time' },
          lastTransitionTime: { type: 'string', format: 'date-time' },
          observedGeneration: { 'x-kubernetes-int-or-string': true },
        },
      },
    },
    validationMessages: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    observedGeneration: { 'x-kubernetes-int-or-string': true },
  },
};

export function crdOf(kind: KindName): Json {
  const info: KindInfo = KINDS[kind];
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      ...(info.specRequired ? { required: ['spec'] } : {}),
      properties: { spec: plainSchema(shapeOf(SCHEMAS[kind]), true), status: STATUS },
    },
  };
  const columns = info.columns.map((column) => ({ name: column.name, jsonPath: column.path, type: column.type }));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${info.plural}.${info.group}`, annotations: { 'helm.sh/resource-policy': 'keep' } },
    spec: {
      group: info.group,
      names: {
        kind: info.manifest,
        listKind: `${info.manifest}List`,
        plural: info.plural,
        singular: info.manifest.toLowerCase(),
        categories: [...(info.group.endsWith('istio.io') ? ['istio-io'] : []), info.group.replaceAll('.', '-')],
        ...(info.short.length === 0 ? {} : { shortNames: info.short }),
      },
      scope: info.namespaced ? 'Namespaced' : 'Cluster',
      versions: info.versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        ...(columns.length === 0 ? {} : { additionalPrinterColumns: columns }),
        schema,
        subresources: { status: {} },
      })),
    },
  };
}
