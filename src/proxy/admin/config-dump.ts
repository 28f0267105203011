// /config_dump: what the proxy runs with, as envoy.admin.v3 JSON (snake case), a piece per resource.
// Private keys and passwords never leave: they read "[redacted]", as Envoy's do.

import type { Registry } from '@bufbuild/protobuf';
import type { StreamedAnswer } from '#base';
import type { AdminView, DumpedKind, DumpedResource } from './admin-view.ts';
import { text } from './answers.ts';
import { compileNameFilter, type NameFilter } from './name-filter.ts';
import { redact } from './redact.ts';

/** One list of a dump: its field name, the field that holds the resource, and which resources it takes. */
interface Section {
  readonly field: string;
  readonly inner: string;
  readonly kind: DumpedKind;
  /** Message of one entry, for `?resource=`. */
  readonly type: string;
  readonly takes: (r: DumpedResource) => boolean;
}

interface Dump {
  readonly type: string;
  readonly sections: readonly Section[];
}

const MESSAGE: Readonly<Record<DumpedKind, string>> = {
  listener: 'envoy.config.listener.v3.Listener',
  cluster: 'envoy.config.cluster.v3.Cluster',
  route: 'envoy.config.route.v3.RouteConfiguration',
  endpoint: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
};

const isStatic = (r: DumpedResource): boolean => r.isStatic;
const active = (r: DumpedResource): boolean => !r.isStatic && r.state === 'active';
const warming = (r: DumpedResource): boolean => !r.isStatic && r.state === 'warming';
const dynamic = (r: DumpedResource): boolean => !r.isStatic;

const DUMPS: readonly Dump[] = [
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

const ENDPOINTS: Dump = {
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

type ToJson = (typeName: string, bytes: Uint8Array) => unknown;

export async function configDumpPage(view: AdminView, query: URLSearchParams): Promise<StreamedAnswer> {
  if (query.has('mask')) return text('mask is not supported: ask for ?resource= and filter with ?name_regex=\n', 400);
  const accept = await compileNameFilter(query.get('name_regex'));
  const resource = query.get('resource');
  const sections = [...DUMPS, ENDPOINTS].flatMap((d) => d.sections);
  const only = sections.find((s) => s.field === resource);
  if (resource !== null && resource !== 'bootstrap' && only === undefined) {
    return text(
      `${resource} not found in config dump: use one of bootstrap, ${sections.map((s) => s.field).join(', ')}\n`,
      404,
    );
  }
  const toJson = await loadJsonWriter();
  let body: Iterable<string>;
  if (only !== undefined)
    body = frame(entries(view, only, accept, toJson, `type.googleapis.com/envoy.admin.v3.${only.type}`));
  else if (resource === 'bootstrap') body = frame([bootstrapDump(view, toJson)]);
  else body = wholeDump(view, query.has('include_eds'), accept, toJson);
  return { status: 200, contentType: 'application/json', body };
}

function* frame(values: Iterable<object>): Generator<string> {
  yield '{\n "configs": [';
  yield* commaSeparated(values);
  yield '\n ]\n}\n';
}

function* wholeDump(
  view: AdminView,
  includeEds: boolean,
  accept: NameFilter | undefined,
  toJson: ToJson,
): Generator<string> {
  yield '{\n "configs": [\n';
  if (accept === undefined) yield `${JSON.stringify(bootstrapDump(view, toJson), null, 1)},\n`;
  const dumps = includeEds ? [...DUMPS, ENDPOINTS] : DUMPS;
  for (let d = 0; d < dumps.length; d++) {
    const dump = dumps[d] as Dump;
    yield `${d === 0 ? '' : ',\n'}{\n "@type": "type.googleapis.com/envoy.admin.v3.${dump.type}"`;
    for (const section of dump.sections) {
      let opened = false;
      for (const piece of commaSeparated(entries(view, section, accept, toJson))) {
        yield opened ? piece : `,\n "${section.field}": [${piece}`;
        opened = true;
      }
      if (opened) yield '\n ]';
    }
    yield '\n}';
  }
  yield '\n ]\n}\n';
}

function* commaSeparated(values: Iterable<object>): Generator<string> {
  let first = true;
  for (const value of values) {
    yield `${first ? '' : ','}\n${JSON.stringify(value, null, 1)}`;
    first = false;
  }
}

function* entries(
  view: AdminView,
  section: Section,
  accept: NameFilter | undefined,
  toJson: ToJson,
  type?: string,
): Generator<object> {
  for (const r of view.resources(section.kind)) {
    if (!section.takes(r) || accept?.(r.name) === false) continue;
    const body = {
      '@type': `type.googleapis.com/${MESSAGE[section.kind]}`,
      ...(toJson(MESSAGE[section.kind], r.bytes) as object),
    };
    const typed = type === undefined ? {} : { '@type': type };
    yield { ...typed, ...entry(section, r, body) };
  }
}

function entry(section: Section, r: DumpedResource, body: object): object {
  const version = r.version === '' ? {} : { version_info: r.version };
  const state = { ...version, [section.inner]: body, last_updated: new Date(r.updatedWallMs).toISOString() };
  const failure =
    r.error === undefined
      ? {}
      : {
          error_state: {
            details: r.error.details,
            version_info: r.error.version,
            last_update_attempt: new Date(r.error.atWallMs).toISOString(),
          },
        };
  // A dynamic listener has a slot per state; everything else is its own entry.
  if (section.field === 'dynamic_listeners') return { name: r.name, [`${r.state}_state`]: state, ...failure };
  return section.kind === 'secret' ? { name: r.name, ...state, ...failure } : { ...state, ...failure };
}

function bootstrapDump(view: AdminView, toJson: ToJson): object {
  const { bytes, updatedWallMs } = view.bootstrap();
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
    bootstrap: toJson('envoy.config.bootstrap.v3.Bootstrap', bytes),
    last_updated: new Date(updatedWallMs).toISOString(),
  };
}

/** protobuf-es and all descriptors: loaded when the first dump is asked for. */
async function loadJsonWriter(): Promise<ToJson> {
  const [{ loadTypes }, protobuf] = await Promise.all([import('#proto'), import('@bufbuild/protobuf')]);
  const registry: Registry = await loadTypes();
  return (typeName, bytes) => {
    const schema = registry.getMessage(typeName);
    if (schema === undefined) return { error: `no type ${typeName}` };
    try {
      return redact(protobuf.toJson(schema, protobuf.fromBinary(schema, bytes), { registry, useProtoFieldName: true }));
    } catch (error) {
      // An extension that this build does not know must not hide everything else.
      return { error: `not shown: ${error instanceof Error ? error.message : String(error)}` };
    }
  };
}
