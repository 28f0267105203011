// From the Gateway API to Istio's Gateway and VirtualService, and to what each object's status says of it. Pure.
import type { KubeObject } from '#kube';
import { type Attached, attach, kindsOf } from './attach.ts';
import { type AncestorStatus, type JudgedPolicy, judgeBackendTls, policyConditions } from './backend-tls.ts';
import { backendTlsManifests } from './backend-tls-rules.ts';
import { type BackendInput, resolveBackends, type Unresolved } from './backends.ts';
import { type HttpEntry, httpEntries, inOrder, type RankedEntry } from './http-rules.ts';
import { GENERATED, hostLabel, internalName, label } from './generated-names.ts';
import { belongsElsewhere, hostOf, isShadowed } from './listener-isolation.ts';
import { tlsOf } from './listener-tls.ts';
import {
  type BackendTlsPolicy,
  type Condition,
  GATEWAY_CONTROLLER,
  GATEWAY_GROUP,
  GATEWAY_NAME_LABEL,
  type GatewayApiInput,
  type KubernetesGateway,
  type Listener,
  type ParentRef,
  type Route,
} from './resources.ts';

export interface ListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

export interface ParentStatus {
  readonly parentRef: ParentRef;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

export interface GatewayApiOutput {
  /** Manifests of Gateway, VirtualService, DestinationRule and Secret. */
  readonly manifests: readonly KubeObject[];
  readonly gateways: readonly {
    readonly gateway: KubernetesGateway;
    readonly conditions: readonly Condition[];
    readonly listeners: readonly ListenerStatus[];
  }[];
  readonly routes: readonly { readonly route: Route; readonly parents: readonly ParentStatus[] }[];
  readonly policies: readonly { readonly policy: BackendTlsPolicy; readonly ancestors: readonly AncestorStatus[] }[];
}

/** What is bound to one host of one listener, or of one Service. */
interface Bound {
  readonly namespace: string;
  readonly name: string;
  readonly gateway: string;
  readonly host: string;
  readonly exportTo: readonly string[] | undefined;
  /** Of the Service that it is bound to. */
  readonly ports?: readonly number[];
  readonly http: RankedEntry[];
  readonly tls: HttpEntry[];
  readonly tcp: HttpEntry[];
}

export function convertGatewayApi(input: GatewayApiInput): GatewayApiOutput {
  const bound = new Map<string, Bound>();
  const attachedRoutes = new Map<string, number>();
  const tls = judgeBackendTls(input);
  const used = new Map<KubernetesGateway, Set<string>>();
  const refuses: BackendInput['refuses'] = (namespace, service, port) => {
    const judged = tls.of(namespace, service, port);
    return judged !== undefined && judged.roots === undefined;
  };
  const routes = input.routes.flatMap((route) => {
    const from = (side: BackendInput['from']) => contentOf(route, { ...input, from: side, refuses });
    const atGateways = from('gateway');
    const inMesh = from('mesh');
    const parents = (route.spec.parentRefs ?? []).flatMap((parentRef) => {
      const found = attach(route, parentRef, input);
      if (found.kind === 'foreign') return [];
      if (found.kind === 'listeners')
        for (const one of found.attached) {
          bindToListener(one, route, atGateways, bound, attachedRoutes);
          // Behind a listener that passes TLS on, the connection is the client's own.
          if (one.listener.tls?.mode !== 'Passthrough') noteServices(used, one.gateway, route);
        }
      if (found.kind === 'service') bindToService(found, route, inMesh, bound, input);
      const { problems } = found.kind === 'service' ? inMesh : atGateways;
      return [
        {
          parentRef,
          controllerName: GATEWAY_CONTROLLER,
          conditions: routeConditions(route, found.kind === 'refused' ? found : undefined, problems),
        },
      ];
    });
    return parents.length === 0 ? [] : [{ route, parents }];
  });
  const own = input.gateways.filter(({ spec }) => input.classes.has(spec.gatewayClassName));
  for (const gateway of own) closeShadowed(gateway, bound);
  const gateways = own.map((gateway) => gatewayOf(gateway, attachedRoutes, input));
  return {
    manifests: [
      ...gateways.flatMap((one) => one.manifests),
      ...[...used].flatMap(([gateway, services]) => backendTlsManifests(gateway, services, tls, input)),
      ...[...bound.values()]
        .filter(({ http, tls: byName, tcp }) => http.length + byName.length + tcp.length > 0)
        .map(virtualServiceOf),
    ],
    gateways: gateways.map(({ manifests: _manifests, ...rest }) => rest),
    routes,
    policies: tls.policies.map((judged) => ({ policy: judged.policy, ancestors: ancestorsOf(judged, used) })),
  };
}

/** Services by `namespace/name`, whose policies are then the gateway's business. */
function noteServices(used: Map<KubernetesGateway, Set<string>>, gateway: KubernetesGateway, route: Route): void {
  const services = used.get(gateway) ?? new Set();
  used.set(gateway, services);
  for (const rule of route.spec.rules ?? []) {
    const mirrors = (rule.filters ?? []).flatMap(({ requestMirror }) => requestMirror?.backendRef ?? []);
    for (const { kind = 'Service', namespace = route.metadata.namespace, name } of [
      ...(rule.backendRefs ?? []),
      ...mirrors,
    ])
      if (kind === 'Service') services.add(`${namespace}/${name}`);
  }
}

function ancestorsOf(
  judged: JudgedPolicy,
  used: ReadonlyMap<KubernetesGateway, ReadonlySet<string>>,
): readonly AncestorStatus[] {
  return [...used].flatMap(([{ metadata }, services]) => {
    const conditions = policyConditions(judged, services);
    if (conditions === undefined) return [];
    const { namespace = '', name } = metadata;
    const ancestorRef = { group: GATEWAY_GROUP, kind: 'Gateway', namespace, name };
    return [{ ancestorRef, controllerName: GATEWAY_CONTROLLER, conditions }];
  });
}

/** Hosts of a listener are its own: without a route they are not found, whatever a wider listener would have for them. */
function closeShadowed(gateway: KubernetesGateway, bound: Map<string, Bound>): void {
  for (const listener of gateway.spec.listeners) {
    if (listener.protocol !== 'HTTP' || !isShadowed(listener, gateway)) continue;
    const entry = boundTo(gateway, listener, hostOf(listener), bound);
    if (entry.http.length > 0) continue;
    entry.http.push({ entries: [{ directResponse: { status: 404 } }], rank: [], createdMs: 0, route: '' });
  }
}

interface Content {
  readonly http: readonly RankedEntry[];
  readonly l4: readonly HttpEntry[];
  readonly problems: readonly Unresolved[];
}

function contentOf(route: Route, input: BackendInput): Content {
  const problems: Unresolved[] = [];
  const complain = (problem: Unresolved): void => void problems.push(problem);
  if (route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute')
    return { http: httpEntries(route, input, complain), l4: [], problems };
  const l4 = (route.spec.rules ?? []).flatMap((rule) => {
    const { destinations } = resolveBackends(rule.backendRefs ?? [], route, input, complain);
    const alone = destinations.length === 1;
    return destinations.length === 0
      ? []
      : [{ route: destinations.map(({ destination, weight }) => ({ destination, ...(alone ? {} : { weight }) })) }];
  });
  return { http: [], l4, problems };
}

function bindToListener(
  { gateway, listener, hosts }: Attached,
  route: Route,
  { http, l4 }: Content,
  bound: Map<string, Bound>,
  counts: Map<string, number>,
): void {
  const gatewayName = internalName(gateway, listener);
  const counted = `${gateway.metadata.namespace}/${gatewayName}`;
  counts.set(counted, (counts.get(counted) ?? 0) + 1);
  for (const host of hosts) {
    if (belongsElsewhere(host, listener, gateway)) continue;
    const entry = boundTo(gateway, listener, host, bound);
    entry.http.push(...http);
    if (route.kind === 'TLSRoute' && listener.tls?.mode === 'Passthrough')
      entry.tls.push(...l4.map((one) => ({ match: [{ sniHosts: [host] }], ...one })));
    // Behind a listener that ends TLS the rest is plain bytes; its hostname has chosen already.
    else if (route.kind === 'TLSRoute' || route.kind === 'TCPRoute') entry.tcp.push(...l4);
  }
}

function boundTo(gateway: KubernetesGateway, listener: Listener, host: string, bound: Map<string, Bound>): Bound {
  const { namespace = '' } = gateway.metadata;
  const gatewayName = internalName(gateway, listener);
  const key = `${namespace}/${gatewayName}/${host}`;
  const entry = bound.get(key) ?? {
    namespace,
    name: label(`${gatewayName}-${hostLabel(host)}`),
    gateway: `${namespace}/${gatewayName}`,
    host,
    exportTo: undefined,
    http: [],
    tls: [],
    tcp: [],
  };
  bound.set(key, entry);
  return entry;
}

/** A route beside its Service is the producer's and for everybody; elsewhere it is the consumer's and for its namespace alone. */
function bindToService(
  parent: { readonly namespace: string; readonly name: string; readonly port: number | undefined },
  route: Route,
  { http, l4 }: Content,
  bound: Map<string, Bound>,
  { domain, servicePorts }: GatewayApiInput,
): void {
  const namespace = route.metadata.namespace ?? '';
  const host = `${parent.name}.${parent.namespace}.svc.${domain}`;
  const key = `mesh/${namespace}/${host}`;
  const entry = bound.get(key) ?? {
    namespace,
    name: label(`${parent.name}-${parent.namespace}-${GENERATED}-mesh`),
    gateway: 'mesh',
    host,
    exportTo: namespace === parent.namespace ? undefined : ['.'],
    ports: servicePorts(parent.namespace, parent.name) ?? [],
    http: [],
    tls: [],
    tcp: [],
  };
  bound.set(key, entry);
  entry.http.push(...http.map((one) => ({ ...one, entries: one.entries.map((each) => withPort(each, parent.port)) })));
  entry.tcp.push(...l4.map((one) => withPort(one, parent.port)));
}

function withPort(entry: HttpEntry, port: number | undefined): HttpEntry {
  if (port === undefined) return entry;
  const matches = (entry['match'] as readonly HttpEntry[] | undefined) ?? [{}];
  return { ...entry, match: matches.map((match) => ({ ...match, port })) };
}

/** A route for one port of a Service says nothing about its others: these go where they would go without it. */
function untouchedPorts(http: readonly HttpEntry[], host: string, ports: readonly number[]): readonly HttpEntry[] {
  const touched = new Set(
    http.flatMap((entry) => ((entry['match'] as readonly HttpEntry[] | undefined) ?? [{}]).map(({ port }) => port)),
  );
  if (touched.size === 0 || touched.has(undefined)) return [];
  return ports
    .filter((port) => !touched.has(port))
    .map((port) => ({ match: [{ port }], route: [{ destination: { host, port: { number: port } } }] }));
}

function virtualServiceOf({ namespace, name, gateway, host, exportTo, ports, http, tls, tcp }: Bound): KubeObject {
  const ordered = inOrder(http);
  const entries = [...ordered, ...untouchedPorts(ordered, host, ports ?? [])];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: {
      hosts: [host],
      gateways: [gateway],
      ...(exportTo === undefined ? {} : { exportTo }),
      ...(entries.length === 0 ? {} : { http: entries }),
      ...(tls.length === 0 ? {} : { tls }),
      ...(tcp.length === 0 ? {} : { tcp }),
    },
  };
}

function gatewayOf(gateway: KubernetesGateway, counts: ReadonlyMap<string, number>, input: GatewayApiInput) {
  const generation = gateway.metadata.generation ?? 0;
  const condition = (type: string, status: boolean, reason: string, message = ''): Condition => ({
    type,
    status: status ? 'True' : 'False',
    reason,
    message,
    observedGeneration: generation,
  });
  const manifests: KubeObject[] = [];
  const secrets = new Map<string, KubeObject>();
  const listeners = gateway.spec.listeners.map((listener): ListenerStatus => {
    const conflict = conflictOf(listener, gateway.spec.listeners);
    const tls = tlsOf(listener, gateway, input);
    const known = KNOWN_PROTOCOLS.has(listener.protocol);
    const kinds = kindsOf(listener);
    const badKinds = (listener.allowedRoutes?.kinds?.length ?? 0) > kinds.length;
    const good = known && conflict === undefined && tls.problem === undefined && !(badKinds && kinds.length === 0);
    if (good) manifests.push(internalGateway(gateway, listener, tls.tls));
    if (good && tls.secret !== undefined) secrets.set(tls.secret.metadata.name, tls.secret);
    const resolved =
      tls.problem !== undefined
        ? condition('ResolvedRefs', false, tls.problem.reason, tls.problem.message)
        : badKinds
          ? condition('ResolvedRefs', false, 'InvalidRouteKinds', 'a kind of allowedRoutes does not fit the protocol')
          : condition('ResolvedRefs', true, 'ResolvedRefs');
    return {
      name: listener.name,
      supportedKinds: kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
      attachedRoutes: counts.get(`${gateway.metadata.namespace}/${internalName(gateway, listener)}`) ?? 0,
      conditions: [
        !known
          ? condition('Accepted', false, 'UnsupportedProtocol', `protocol ${listener.protocol} is not supported`)
          : condition('Accepted', conflict === undefined, conflict === undefined ? 'Accepted' : conflict),
        condition('Conflicted', conflict !== undefined, conflict ?? 'NoConflicts'),
        resolved,
        condition('Programmed', good, good ? 'Programmed' : 'Invalid'),
      ],
    };
  });
  const accepted = listeners.filter(({ conditions }) =>
    conditions.some((one) => one.type === 'Accepted' && one.status === 'True'),
  );
  const parameters = gateway.spec.infrastructure?.parametersRef;
  const bad = accepted.length < listeners.length;
  return {
    gateway,
    manifests: [...secrets.values(), ...manifests],
    listeners,
    conditions: [
      parameters !== undefined
        ? condition(
            'Accepted',
            false,
            'InvalidParameters',
            `infrastructure.parametersRef ${parameters.kind}/${parameters.name}: parameters are not taken; use infrastructure.labels and annotations`,
          )
        : condition('Accepted', accepted.length > 0, bad ? 'ListenersNotValid' : 'Accepted'),
    ],
  };
}

const KNOWN_PROTOCOLS: ReadonlySet<string> = new Set(['HTTP', 'HTTPS', 'TLS', 'TCP']);

function conflictOf(listener: Listener, all: readonly Listener[]): string | undefined {
  for (const other of all) {
    if (other === listener || other.port !== listener.port) continue;
    const family = (one: Listener): string =>
      one.protocol === 'HTTP' ? 'http' : one.protocol === 'TCP' ? 'tcp' : 'tls';
    if (family(other) !== family(listener)) return 'ProtocolConflict';
    if ((other.hostname ?? '') === (listener.hostname ?? '')) return 'HostnameConflict';
  }
  return undefined;
}

function internalGateway(gateway: KubernetesGateway, listener: Listener, tls: HttpEntry | undefined): KubeObject {
  const { name, namespace = '' } = gateway.metadata;
  const host = listener.hostname === undefined || listener.hostname === '' ? '*' : listener.hostname;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: internalName(gateway, listener), namespace },
    spec: {
      selector: { [GATEWAY_NAME_LABEL]: name },
      servers: [
        {
          port: {
            number: listener.port,
            name: `${listener.protocol.toLowerCase()}-${listener.port}`,
            protocol: listener.protocol,
          },
          hosts: [`${namespace}/${host}`],
          ...(tls === undefined ? {} : { tls }),
        },
      ],
    },
  };
}

function routeConditions(
  route: Route,
  refused: { readonly reason: string; readonly message: string } | undefined,
  problems: readonly Unresolved[],
): readonly Condition[] {
  const observedGeneration = route.metadata.generation ?? 0;
  const unsupported = problems.find((one) => one.reason === 'UnsupportedValue');
  const [unresolved] = problems.filter((one) => one.reason !== 'UnsupportedValue');
  const rejected = refused ?? unsupported;
  return [
    rejected === undefined
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration }
      : { type: 'Accepted', status: 'False', reason: rejected.reason, message: rejected.message, observedGeneration },
    unresolved === undefined
      ? { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '', observedGeneration }
      : {
          type: 'ResolvedRefs',
          status: 'False',
          reason: unresolved.reason,
          message: unresolved.message,
          observedGeneration,
        },
  ];
}
