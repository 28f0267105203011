// The walls between areas: which folder below src may import which, and which npm packages.
// `tidy` enforces this table and draws it into docs/architecture.md.

export interface AreaRule {
  /** Areas whose index (or, for `proto` and `wire`, subpath) may be imported. */
  readonly areas: readonly string[];
  /** npm packages, and `node:` modules, by name. */
  readonly packages: readonly string[];
}

const NODE_PURE = ['node:crypto', 'node:buffer', 'node:zlib', 'node:path', 'node:url', 'node:util'];
const PROTOBUF = ['@bufbuild/protobuf'];

export const EDGES: Readonly<Record<string, AreaRule>> = {
  base: { areas: [], packages: [] },
  proto: { areas: ['base'], packages: PROTOBUF },
  wire: { areas: ['base'], packages: [...NODE_PURE] },
  config: { areas: ['base', 'proto', 'kube'], packages: ['typebox', 'ajv', 'js-yaml', 'yaml', 're2js', ...NODE_PURE] },
  registry: { areas: ['base', 'config'], packages: [...NODE_PURE] },
  push: { areas: ['base', 'config', 'registry'], packages: [...NODE_PURE] },
  translate: { areas: ['base', 'proto', 'config', 'push', 'registry'], packages: [...PROTOBUF, ...NODE_PURE] },
  xds: { areas: ['base', 'proto', 'wire'], packages: [...PROTOBUF, ...NODE_PURE] },
  leases: { areas: ['base'], packages: [] },
  proxy: {
    areas: ['base', 'proto', 'wire', 'xds', 'telemetry', 'identity', 'leases'],
    packages: [...PROTOBUF, 're2js', 'jose', '@marcbachmann/cel-js', '@open-policy-agent/opa-wasm', ...NODE_PURE],
  },
  telemetry: { areas: ['base', 'proto', 'wire'], packages: [...PROTOBUF, '@marcbachmann/cel-js', ...NODE_PURE] },
  identity: { areas: ['base', 'proto', 'wire'], packages: [...PROTOBUF, '@peculiar/x509', 'jose', ...NODE_PURE] },
  kube: { areas: ['base', 'wire'], packages: [...NODE_PURE] },
  controllers: { areas: ['base', 'config', 'kube', 'identity'], packages: ['js-yaml', ...NODE_PURE] },
  agent: {
    areas: ['base', 'proto', 'wire', 'xds', 'identity', 'telemetry', 'leases'],
    packages: [...PROTOBUF, ...NODE_PURE],
  },
  node: { areas: ['base', 'proto', 'wire', 'xds', 'identity', 'telemetry'], packages: [...PROTOBUF, ...NODE_PURE] },
  cni: { areas: ['base', 'proto', 'wire', 'xds', 'identity', 'telemetry'], packages: [...NODE_PURE] },
  api: {
    areas: ['base', 'config', 'registry', 'push', 'telemetry', 'xds', 'proto'],
    packages: [...PROTOBUF, 'js-yaml', 'yaml', ...NODE_PURE],
  },
  cli: {
    areas: ['base', 'config', 'push', 'translate', 'xds', 'api', 'kube', 'controllers', 'wire', 'identity'],
    packages: ['commander', 'js-yaml', 'yaml', ...NODE_PURE],
  },
  io: { areas: ['base', 'wire'], packages: ['*'] },
  main: { areas: ['*'], packages: ['*'] },
};

/** Real clocks, randomness, files and the console are named only here; everything else is given them. */
export const AREAS_WITH_AMBIENT_IO: readonly string[] = ['io', 'main'];
