// WasmPlugin, and EnvoyFilter, TrafficExtension and the ProxyConfig resource, which are refused for now, with Istio's schemas.

import {
  anyObject,
  count,
  described,
  dict,
  integer,
  list,
  message,
  names,
  port,
  type Spec,
  text,
  textDict,
} from './schema.ts';
import { PolicySelectorSchema, targetChoice, targetFields, TargetRefSchema, WorkloadSelectorSchema } from './shared.ts';

const named = (description: string) => text(description);
const SubFilterSchema = message('A filter within it.', { name: named('Its name.') });

const EnvoyFilterMatchSchema = message(
  'Where the patch goes.',
  {
    context: names(
      'Which configuration.',
      ['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'] as const,
      { default: 'ANY' },
    ),
    proxy: message('Which proxies.', {
      proxyVersion: text('RE2 pattern of the version.'),
      metadata: textDict('Node metadata.'),
    }),
    listener: message('Which listener.', {
      portNumber: count('Port.'),
      portName: text('Port name.', { deprecated: 'use portNumber' }),
      filterChain: message('Which filter chain.', {
        name: named('Its name.'),
        sni: text('Server name.'),
        transportProtocol: text('raw_buffer or tls.'),
        applicationProtocols: text('ALPN, comma-separated.'),
        filter: message('Which filter.', { name: named('Its name.'), subFilter: SubFilterSchema }),
        destinationPort: count('Destination port.'),
        transportSocket: message('Which transport socket.', { name: named('Its name.') }),
      }),
      listenerFilter: text('Which listener filter.'),
      name: named('The listener’s name.'),
    }),
    routeConfiguration: message('Which routes.', {
      portNumber: count('Port.'),
      portName: text('Port name.'),
      gateway: text('namespace/name of a Gateway.'),
      vhost: message('Which virtual host.', {
        name: named('Its name.'),
        domainName: text('A domain of it.'),
        route: message('Which route.', {
          name: named('Its name.'),
          action: names('Its action.', ['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE'] as const),
        }),
      }),
      name: named('The configuration’s name.'),
    }),
    cluster: message('Which cluster.', {
      portNumber: count('Port.'),
      service: text('Host.'),
      subset: text('Subset.'),
      name: named('Its name.'),
    }),
    waypoint: message('Which part of a waypoint.', {
      portNumber: count('Port.'),
      route: message('Which route.', { name: named('Its name.') }),
      filter: message('Which filter.', { name: named('Its name.'), subFilter: SubFilterSchema }),
    }),
  },
  { choices: [{ fields: ['listener', 'routeConfiguration', 'cluster', 'waypoint'] }] },
);

export const EnvoyFilterSchema = message(
  'Patches the configuration that proxies get.',
  {
    workloadSelector: described('Which workloads.', WorkloadSelectorSchema),
    targetRefs: list('What it is attached to.', TargetRefSchema, { maxItems: 16 }),
    configPatches: list(
      'Patches.',
      message('One patch.', {
        applyTo: names('What is patched.', [
          'INVALID',
          'LISTENER',
          'FILTER_CHAIN',
          'NETWORK_FILTER',
          'HTTP_FILTER',
          'ROUTE_CONFIGURATION',
          'VIRTUAL_HOST',
          'HTTP_ROUTE',
          'CLUSTER',
          'EXTENSION_CONFIG',
          'BOOTSTRAP',
          'LISTENER_FILTER',
        ] as const),
        match: EnvoyFilterMatchSchema,
        patch: message('The change.', {
          operation: names('How.', [
            'INVALID',
            'MERGE',
            'ADD',
            'REMOVE',
            'INSERT_BEFORE',
            'INSERT_AFTER',
            'INSERT_FIRST',
            'REPLACE',
            'MERGE_AND_REPLACE_LIST',
          ] as const),
          value: anyObject('Envoy configuration.'),
          filterClass: names('Where among Istio’s filters.', ['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'] as const),
        }),
      }),
    ),
    priority: integer('Lower goes first.', { default: 0, minimum: -2_147_483_648, maximum: 2_147_483_647 }),
  },
  { choices: [{ fields: ['workloadSelector', 'targetRefs'] }] },
);
export type EnvoyFilterSpec = Spec<typeof EnvoyFilterSchema>;

const phase = names('Where in the filter chain.', ['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'] as const, {
  default: 'UNSPECIFIED_PHASE',
});
const priority = integer('Higher goes first.', { default: 0, minimum: -2_147_483_648, maximum: 2_147_483_647 });
const trafficMatch = list(
  'Only this traffic; none: all.',
  message('One choice.', {
    mode: names('Direction.', ['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'] as const, {
      default: 'CLIENT_AND_SERVER',
    }),
    ports: list('Ports.', message('One port.', { number: port('Number.') }, { required: ['number'] })),
  }),
);
const wasmFields = {
  url: text('oci (default), http, https or file.', { minLength: 1 }),
  sha256: text('Checksum.', { pattern: '(^$|^[a-f0-9]{64}$)' }),
  imagePullPolicy: names('When to pull.', ['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'] as const, {
    defaultText: 'IfNotPresent; Always for latest',
  }),
  imagePullSecret: text('Secret for the registry.', { minLength: 1, maxLength: 253 }),
  verificationKey: text('Key that signed it.'),
  pluginConfig: anyObject('Passed to the plugin.'),
  pluginName: text('Its name.', { minLength: 1, maxLength: 256 }),
  failStrategy: names('What becomes of requests when it fails.', ['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'] as const, {
    default: 'FAIL_CLOSE',
  }),
  vmConfig: message('Its machine.', {
    env: list(
      'Environment.',
      message(
        'One variable.',
        {
          name: text('Name.', { minLength: 1, maxLength: 256 }),
          valueFrom: names('Where it comes from.', ['INLINE', 'HOST'] as const, { default: 'INLINE' }),
          value: text('For INLINE.', { maxLength: 2048 }),
        },
        { required: ['name'] },
      ),
      { maxItems: 256 },
    ),
  }),
  type: names('Kind of plugin.', ['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'] as const, { defaultText: 'HTTP' }),
};

export const WasmPluginSchema = message(
  'Adds a WebAssembly filter.',
  { ...targetFields, ...wasmFields, phase, priority, match: trafficMatch },
  { required: ['url'], choices: [targetChoice] },
);
export type WasmPluginSpec = Spec<typeof WasmPluginSchema>;

export const TrafficExtensionSchema = message(
  'Adds a WebAssembly or Lua filter.',
  {
    ...targetFields,
    phase,
    priority,
    match: trafficMatch,
    wasm: message('WebAssembly.', wasmFields, { required: ['url'] }),
    lua: message(
      'Lua.',
      { inlineCode: text('Program.', { minLength: 1, maxLength: 65_536 }) },
      { required: ['inlineCode'] },
    ),
  },
  { choices: [targetChoice, { fields: ['wasm', 'lua'], required: true }] },
);
export type TrafficExtensionSpec = Spec<typeof TrafficExtensionSchema>;

export const ProxyConfigResourceSchema = message('Settings of some proxies, read when they start.', {
  selector: described('Which workloads.', PolicySelectorSchema),
  concurrency: integer('Worker threads; 0: one for each core.', {
    minimum: 0,
    maximum: 2_147_483_647,
    defaultText: 'from the CPU limit',
  }),
  environmentVariables: dict('Environment of the proxy.', text('Value.', { maxLength: 2048 })),
  image: message('The image.', { imageType: text('default, debug or distroless.') }),
});
export type ProxyConfigResourceSpec = Spec<typeof ProxyConfigResourceSchema>;
