// The lists of a dump, in Envoy's order, by Envoy's names (envoy.admin.v3).

import type { DumpedKind, DumpedResource } from './dump-view.ts';

/** One list of a dump: its field name, the field that holds the resource, and which resources it takes. */
export interface Section {
  readonly field: string;
  readonly inner: string;
  readonly kind: DumpedKind;
  /** Message of one entry, for `?resource=`. */
  readonly type: string;
  readonly takes: (r: DumpedResource) => boolean;
}

export interface Dump {
  readonly type: string;
  readonly sections: readonly Section[];
}

const isStatic = (r: DumpedResource): boolean => r.isStatic;
const active = (r: DumpedResource): boolean => !r.isStatic && r.state === 'active';
const warming = (r: DumpedResource): boolean => !r.isStatic && r.state === 'warming';
const dynamic = (r: DumpedResource): boolean => !r.isStatic;

export const DUMPS: readonly Dump[] = [
  {
    type: 'ClustersConfigDump',
    sections: [
      {
        field: 'static_clusters',
        inner: 'cluster',
        kind: 'cluster',
        type: 'ClustersConfigDump.StaticCluster',
        takes: isStatic,
      },
      {
        field: 'dynamic_active_clusters',
        inner: 'cluster',
        kind: 'cluster',
        type: 'ClustersConfigDump.DynamicCluster',
        takes: active,
      },
      {
        field: 'dynamic_warming_clusters',
        inner: 'cluster',
        kind: 'cluster',
        type: 'ClustersConfigDump.DynamicCluster',
        takes: warming,
      },
    ],
  },
  {
    type: 'ListenersConfigDump',
    sections: [
      {
        field: 'static_listeners',
        inner: 'listener',
        kind: 'listener',
        type: 'ListenersConfigDump.StaticListener',
        takes: isStatic,
      },
      {
        field: 'dynamic_listeners',
        inner: 'listener',
        kind: 'listener',
        type: 'ListenersConfigDump.DynamicListener',
        takes: dynamic,
      },
    ],
  },
  {
    type: 'RoutesConfigDump',
    sections: [
      {
        field: 'static_route_configs',
        inner: 'route_config',
        kind: 'route',
        type: 'RoutesConfigDump.StaticRouteConfig',
        takes: isStatic,
      },
      {
        field: 'dynamic_route_configs',
        inner: 'route_config',
        kind: 'route',
        type: 'RoutesConfigDump.DynamicRouteConfig',
        takes: dynamic,
      },
    ],
  },
  {
    type: 'SecretsConfigDump',
    sections: [
      {
        field: 'static_secrets',
        inner: 'secret',
        kind: 'secret',
        type: 'SecretsConfigDump.StaticSecret',
        takes: isStatic,
      },
      {
        field: 'dynamic_active_secrets',
        inner: 'secret',
        kind: 'secret',
        type: 'SecretsConfigDump.DynamicSecret',
        takes: active,
      },
      {
        field: 'dynamic_warming_secrets',
        inner: 'secret',
        kind: 'secret',
        type: 'SecretsConfigDump.DynamicSecret',
        takes: warming,
      },
    ],
  },
];

export const ENDPOINTS: Dump = {
  type: 'EndpointsConfigDump',
  sections: [
    {
      field: 'static_endpoint_configs',
      inner: 'endpoint_config',
      kind: 'endpoint',
      type: 'EndpointsConfigDump.StaticEndpointConfig',
      takes: isStatic,
    },
    {
      field: 'dynamic_endpoint_configs',
      inner: 'endpoint_config',
      kind: 'endpoint',
      type: 'EndpointsConfigDump.DynamicEndpointConfig',
      takes: dynamic,
    },
  ],
};
