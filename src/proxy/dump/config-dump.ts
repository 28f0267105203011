// /config_dump: what the proxy runs with, as envoy.admin.v3 JSON (snake case), a piece per resource.
// Private keys and passwords never leave: they read "[redacted]", as Envoy's do.

import type { Registry } from '@bufbuild/protobuf';
import { appendMessages } from '#proto/light.ts';
import type { NameFilter } from '../admin/name-filter.ts';
import type { DumpOrder } from './dump-order.ts';
import { DUMPS, type Dump, ENDPOINTS, type Section } from './dump-sections.ts';
import type { DumpedKind, DumpedResource, DumpView } from './dump-view.ts';
import { redact } from './redact.ts';

const MESSAGE: Readonly<Record<DumpedKind, string>> = {
  listener: 'envoy.config.listener.v3.Listener',
  cluster: 'envoy.config.cluster.v3.Cluster',
  route: 'envoy.config.route.v3.RouteConfiguration',
  endpoint: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
};

/** envoy.config.route.v3.RouteConfiguration.virtual_hosts */
const VIRTUAL_HOSTS = 2;

type ToJson = (typeName: string, bytes: Uint8Array) => unknown;

/** Loads protobuf-es and all descriptors with the first piece. */
export async function* renderDump(view: DumpView, { accept, includeEds, only }: DumpOrder): AsyncGenerator<string> {
  const toJson = await loadJsonWriter();
  if (only === undefined) yield* wholeDump(view, includeEds, accept, toJson);
  else if (only === 'bootstrap') yield* frame([bootstrapDump(view, toJson)]);
  else yield* frame(entries(view, only, accept, toJson, `type.googleapis.com/envoy.admin.v3.${only.type}`));
}

function* frame(values: Iterable<object>): Generator<string> {
  yield '{\n "configs": [';
  yield* commaSeparated(values);
  yield '\n ]\n}\n';
}

function* wholeDump(
  view: DumpView,
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
  view: DumpView,
  section: Section,
  accept: NameFilter | undefined,
  toJson: ToJson,
  type?: string,
): Generator<object> {
  for (const r of view.resources(section.kind)) {
    if (!section.takes(r) || accept?.(r.name) === false) continue;
    const body = {
      '@type': `type.googleapis.com/${MESSAGE[section.kind]}`,
      ...(toJson(MESSAGE[section.kind], wholeOf(r)) as object),
    };
    const typed = type === undefined ? {} : { '@type': type };
    yield { ...typed, ...entry(section, r, body) };
  }
}

function wholeOf({ bytes, virtualHosts = [] }: DumpedResource): Uint8Array {
  return virtualHosts.length === 0 ? bytes : appendMessages(bytes, VIRTUAL_HOSTS, virtualHosts);
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

function bootstrapDump(view: DumpView, toJson: ToJson): object {
  const { bytes, updatedWallMs } = view.bootstrap();
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
    bootstrap: toJson('envoy.config.bootstrap.v3.Bootstrap', bytes),
    last_updated: new Date(updatedWallMs).toISOString(),
  };
}

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
