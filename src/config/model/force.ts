// Which kinds and fields are in force: flip an entry when translation honours the field. docs/compatibility.md is generated from here.

import { KINDS, type KindName, SCHEMAS } from './kinds.ts';
import { type Shape, shapeOf } from './shape.ts';

/** refused: the object is refused (design 8: leaving the field out would widen access, or change what is meant). */
export type Force = 'inForce' | 'acceptedWithWarning' | 'refused';

/** For fields that the table below does not name. `refused` refuses every object of the kind. */
export const KIND_FORCE: Readonly<Record<KindName, Force>> = {
  VirtualService: 'inForce',
  DestinationRule: 'inForce',
  Gateway: 'inForce',
  ServiceEntry: 'inForce',
  WorkloadEntry: 'inForce',
  WorkloadGroup: 'inForce',
  Sidecar: 'inForce',
  EnvoyFilter: 'refused',
  ProxyConfig: 'refused',
  AuthorizationPolicy: 'inForce',
  PeerAuthentication: 'inForce',
  RequestAuthentication: 'inForce',
  Telemetry: 'inForce',
  WasmPlugin: 'inForce',
  TrafficExtension: 'refused',
  MessageLimits: 'inForce',
  RateLimit: 'inForce',
  Service: 'inForce',
  Endpoints: 'inForce',
  EndpointSlice: 'inForce',
  Namespace: 'inForce',
  Secret: 'inForce',
  ConfigMap: 'inForce',
  ServiceAccount: 'inForce',
  MeshConfig: 'acceptedWithWarning',
  MeshNetworks: 'acceptedWithWarning',
};

/**
 * Paths as `fieldsOf` writes them; an entry holds for what is below it too. `**.` at the beginning matches at any
 * depth; `=VALUE` at the end is one value of an enum.
 */
export const FIELD_FORCE: Readonly<Partial<Record<KindName, Readonly<Record<string, Force>>>>> = {
  VirtualService: {
    'tcp[].match[].sourceSubnet': 'acceptedWithWarning',
  },
  DestinationRule: {
    '**.loadBalancer.backendUtilization': 'acceptedWithWarning',
    '**.loadBalancer.zoneAwareLbSetting': 'acceptedWithWarning',
    '**.trafficPolicy.retryBudget.budgetInterval': 'acceptedWithWarning',
  },
  Gateway: {
    'servers[].port.targetPort': 'acceptedWithWarning',
    'servers[].defaultEndpoint': 'acceptedWithWarning',
    'servers[].tls.insecureSkipVerify': 'refused',
  },
  WorkloadGroup: {
    probe: 'acceptedWithWarning',
  },
  Sidecar: {
    // A Sidecar's certificates are files, and its clients are known by their authority.
    'ingress[].tls.httpsRedirect': 'refused',
    'ingress[].tls.credentialName': 'refused',
    'ingress[].tls.credentialNames': 'refused',
    'ingress[].tls.caCertCredentialName': 'refused',
    'ingress[].tls.subjectAltNames': 'refused',
    'ingress[].tls.insecureSkipVerify': 'refused',
    'ingress[].captureMode': 'acceptedWithWarning',
    'egress[].captureMode': 'acceptedWithWarning',
    'outboundTrafficPolicy.egressProxy': 'acceptedWithWarning',
  },
  Telemetry: {},
  WasmPlugin: {
    // Whoever gives a key means that unsigned modules must not run.
    verificationKey: 'refused',
    // A plugin of connections may be one that refuses them.
    'type=NETWORK': 'refused',
  },
  MeshConfig: {
    'extensionProviders[].name': 'inForce',
    'extensionProviders[].zipkin': 'inForce',
    'extensionProviders[].zipkin.headers[].envName': 'acceptedWithWarning',
    'extensionProviders[].opentelemetry': 'inForce',
    'extensionProviders[].opentelemetry.http.headers[].envName': 'acceptedWithWarning',
    'extensionProviders[].opentelemetry.grpc.initialMetadata[].envName': 'acceptedWithWarning',
    'extensionProviders[].opentelemetry.resourceDetectors': 'acceptedWithWarning',
    'extensionProviders[].opentelemetry.dynatraceSampler': 'acceptedWithWarning',
    'extensionProviders[].opentelemetry.serviceAttributeEnrichment': 'acceptedWithWarning',
    'extensionProviders[].prometheus': 'inForce',
    'extensionProviders[].envoyFileAccessLog': 'inForce',
    'extensionProviders[].envoyHttpAls': 'inForce',
    'extensionProviders[].envoyTcpAls': 'inForce',
    'extensionProviders[].envoyOtelAls': 'inForce',
    defaultProviders: 'inForce',
    enableTracing: 'inForce',
    'defaultConfig.tracing.sampling': 'inForce',
    'defaultConfig.tracing.customTags': 'inForce',
    'defaultConfig.tracing.enableIstioTags': 'inForce',
    'defaultConfig.tracing.maxPathTagLength': 'inForce',
    'defaultConfig.tracing.zipkin': 'inForce',
    'extensionProviders[].envoyExtAuthzHttp': 'inForce',
    'extensionProviders[].envoyExtAuthzGrpc': 'inForce',
    'extensionProviders[].opa': 'inForce',
    'extensionProviders[].opaWasm': 'inForce',
    proxyListenPort: 'inForce',
    proxyInboundListenPort: 'inForce',
    dnsRefreshRate: 'inForce',
    h2UpgradePolicy: 'inForce',
    'inboundTrafficPolicy.mode': 'inForce',
    disableEnvoyListenerLog: 'inForce',
    'defaultConfig.concurrency': 'inForce',
    'defaultConfig.gatewayTopology': 'inForce',
    'defaultConfig.proxyHeaders': 'inForce',
    // Of a chain our proxy knows the leaf.
    'defaultConfig.proxyHeaders.setCurrentClientCertDetails.chain': 'acceptedWithWarning',
    'defaultConfig.proxyHeaders.preserveHttp1HeaderCase': 'acceptedWithWarning',
    'defaultConfig.proxyHeaders.xForwardedHost': 'acceptedWithWarning',
    localityLbSetting: 'inForce',
    trustDomainAliases: 'inForce',
    connectTimeout: 'inForce',
    protocolDetectionTimeout: 'inForce',
    accessLogFile: 'inForce',
    accessLogFormat: 'inForce',
    accessLogEncoding: 'inForce',
    'outboundTrafficPolicy.mode': 'inForce',
    // As ALLOW_ANY: captured connections go to the address that the application chose.
    'outboundTrafficPolicy.mode=ALLOW_ANY_DYNAMIC_DNS': 'acceptedWithWarning',
    'outboundTrafficPolicy.tls': 'refused',
    enableAutoMtls: 'inForce',
    trustDomain: 'inForce',
    'caCertificates[].pem': 'inForce',
    'caCertificates[].spiffeBundleUrl': 'inForce',
    'caCertificates[].trustDomains': 'inForce',
    'caCertificates[].certSigners': 'inForce',
    defaultServiceExportTo: 'inForce',
    defaultVirtualServiceExportTo: 'inForce',
    defaultDestinationRuleExportTo: 'inForce',
    rootNamespace: 'inForce',
    defaultHttpRetryPolicy: 'inForce',
    meshMTLS: 'inForce',
    tlsDefaults: 'inForce',
    pathNormalization: 'inForce',
    'ca.tlsSettings': 'refused',
    'configSources[].tlsSettings': 'refused',
  },
};

/** Fields of security objects that cannot widen access, so that a warning is enough. */
export const HARMLESS: readonly string[] = [];

/** The table, laid over a schema. */
export interface ForceNode {
  readonly force: Force;
  readonly values?: ReadonlyMap<string, Force>;
  readonly properties: ReadonlyMap<string, ForceNode>;
  /** Something below, or a value, has another force: it is judged there. */
  readonly mixed: boolean;
  /** Of list items and dictionary values. */
  readonly item?: ForceNode;
}

type Table = Readonly<Record<string, Force>>;

function lookUp(table: Table, path: string): Force | undefined {
  const exact = table[path];
  if (exact !== undefined) return exact;
  for (const [pattern, force] of Object.entries(table)) {
    if (!pattern.startsWith('**.')) continue;
    const tail = pattern.slice(3);
    if (path === tail || path.endsWith(`.${tail}`)) return force;
  }
  return undefined;
}

function lay(table: Table, shape: Shape, path: string, inherited: Force): ForceNode {
  const force = (path === '' ? undefined : lookUp(table, path)) ?? inherited;
  const properties = new Map<string, ForceNode>();
  for (const [name, child] of Object.entries(shape.properties ?? {})) {
    properties.set(name, lay(table, child, path === '' ? name : `${path}.${name}`, force));
  }
  const values = new Map<string, Force>();
  for (const value of shape.enum ?? []) {
    const own = lookUp(table, `${path}=${value}`);
    if (own !== undefined) values.set(value, own);
  }
  const item =
    shape.items !== undefined
      ? lay(table, shape.items, `${path}[]`, force)
      : shape.additionalProperties !== undefined
        ? lay(table, shape.additionalProperties, `${path}.*`, force)
        : undefined;
  const below = item === undefined ? [...properties.values()] : [item];
  const mixed = values.size > 0 || below.some((node) => node.mixed || node.force !== force);
  return {
    force,
    properties,
    mixed,
    ...(values.size === 0 ? {} : { values }),
    ...(item === undefined ? {} : { item }),
  };
}

const trees = Object.fromEntries(
  (Object.keys(KINDS) as KindName[]).map((kind) => [
    kind,
    lay(FIELD_FORCE[kind] ?? {}, shapeOf(SCHEMAS[kind]), '', KIND_FORCE[kind]),
  ]),
) as Readonly<Record<KindName, ForceNode>>;

export function forceOf(kind: KindName): ForceNode {
  return trees[kind];
}

/** The status of one path as `fieldsOf` writes it. */
export function forceAt(kind: KindName, path: string): Force {
  let node: ForceNode | undefined = trees[kind];
  for (const step of path.split('.')) {
    const [name = '', ...lists] = step.split('[]');
    node = name === '*' ? node?.item : node?.properties.get(name);
    for (let i = 0; i < lists.length; i++) node = node?.item;
  }
  return node?.force ?? KIND_FORCE[kind];
}
