// From what a wizard was told to the manifests that say it: existing objects are changed, missing ones are made.
import type { ObjectJson } from '../../src/api/api-json.ts';
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import type { KnownWorkload } from './graph-model.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
}

type Json = Record<string, unknown>;

const NETWORKING = 'networking.istio.io/v1';
const SECURITY = 'security.istio.io/v1';

export function findRoutes(objects: readonly ObjectJson[], service: ServiceRef): ObjectJson | undefined {
  return objects.find(
    (one) =>
      one.kind === 'VirtualService' &&
      one.namespace === service.namespace &&
      strings(record(one.spec)['hosts']).some((host) => isService(host, service)) &&
      isForMesh(record(one.spec)),
  );
}

export function findRule(objects: readonly ObjectJson[], service: ServiceRef): ObjectJson | undefined {
  return objects.find(
    (one) =>
      one.kind === 'DestinationRule' &&
      one.namespace === service.namespace &&
      isService(String(record(one.spec)['host'] ?? ''), service),
  );
}

/** Subsets that exist, with the version that each selects. */
export function subsetsOf(
  rule: ObjectJson | undefined,
): readonly { readonly name: string; readonly version: string }[] {
  return list(record(rule?.spec)['subsets']).map((one) => ({
    name: String(one['name']),
    version: String(record(one['labels'])['version'] ?? one['name']),
  }));
}

/** What a service's traffic can be split over: its rule's subsets, or else the versions that run. */
export function versionsOf(
  objects: readonly ObjectJson[],
  known: readonly KnownWorkload[],
  service: ServiceRef,
): readonly string[] {
  const subsets = subsetsOf(findRule(objects, service)).map((one) => one.name);
  const running = known
    .filter((one) => one.namespace === service.namespace && one.service === service.name)
    .map((one) => one.version)
    .filter((one) => one !== '');
  return [...new Set(subsets.length > 0 ? subsets : running)].sort();
}

/** Present share of each subset on the rule that takes what no other rule matched. */
export function weightsOf(routes: ObjectJson | undefined): ReadonlyMap<string, number> {
  const rule = list(record(routes?.spec)['http']).find((one) => list(one['match']).length === 0);
  const targets = list(rule?.['route']);
  return new Map(
    targets.map((one) => [
      String(record(one['destination'])['subset'] ?? ''),
      Number(one['weight'] ?? (targets.length === 1 ? 100 : 0)),
    ]),
  );
}

export function shiftTraffic(
  objects: readonly ObjectJson[],
  service: ServiceRef,
  weights: ReadonlyMap<string, number>,
): readonly Manifest[] {
  const rule = findRule(objects, service);
  const known = new Set(subsetsOf(rule).map((one) => one.name));
  const missing = [...weights.keys()].filter((one) => !known.has(one));
  const route = [...weights]
    .filter(([, weight]) => weight > 0)
    .map(([subset, weight]) => ({ destination: { host: service.name, subset }, weight }));
  const routes = changeRules(objects, service, (http) => {
    const at = http.findIndex((one) => list(one['match']).length === 0);
    return at < 0 ? [...http, { route }] : http.with(at, { ...(http[at] as Json), route });
  });
  if (missing.length === 0) return [routes];
  const subsets = [
    ...list(record(rule?.spec)['subsets']),
    ...missing.map((name) => ({ name, labels: { version: name } })),
  ];
  return [
    manifestOf(rule, 'DestinationRule', NETWORKING, service, { host: service.name, ...record(rule?.spec), subsets }),
    routes,
  ];
}

export interface FaultForm {
  readonly delayPercent: number;
  readonly delay: string;
  readonly abortPercent: number;
  readonly status: number;
}

export function injectFaults(
  objects: readonly ObjectJson[],
  service: ServiceRef,
  form: FaultForm,
): readonly Manifest[] {
  const fault = {
    ...(form.delayPercent > 0 ? { delay: { percentage: { value: form.delayPercent }, fixedDelay: form.delay } } : {}),
    ...(form.abortPercent > 0 ? { abort: { percentage: { value: form.abortPercent }, httpStatus: form.status } } : {}),
  };
  return [
    changeRules(objects, service, (http) =>
      http.map(({ fault: _before, ...rule }) => (Object.keys(fault).length === 0 ? rule : { fault, ...rule })),
    ),
  ];
}

export interface TimeoutForm {
  readonly timeout: string;
  readonly attempts: number;
  readonly perTryTimeout: string;
}

export function setTimeouts(
  objects: readonly ObjectJson[],
  service: ServiceRef,
  form: TimeoutForm,
): readonly Manifest[] {
  const retries = {
    attempts: form.attempts,
    ...(form.perTryTimeout === '' ? {} : { perTryTimeout: form.perTryTimeout }),
  };
  return [
    changeRules(objects, service, (http) =>
      http.map(({ timeout: _before, ...rule }) => ({
        ...rule,
        ...(form.timeout === '' ? {} : { timeout: form.timeout }),
        retries,
      })),
    ),
  ];
}

export interface BreakerForm {
  readonly maxConnections: number;
  readonly pending: number;
  readonly errors: number;
  readonly interval: string;
  readonly ejection: string;
}

export function breakCircuits(
  objects: readonly ObjectJson[],
  service: ServiceRef,
  form: BreakerForm,
): readonly Manifest[] {
  const rule = findRule(objects, service);
  const spec = record(rule?.spec);
  const trafficPolicy = {
    ...record(spec['trafficPolicy']),
    connectionPool: { tcp: { maxConnections: form.maxConnections }, http: { http1MaxPendingRequests: form.pending } },
    outlierDetection: { consecutive5xxErrors: form.errors, interval: form.interval, baseEjectionTime: form.ejection },
  };
  return [manifestOf(rule, 'DestinationRule', NETWORKING, service, { host: service.name, ...spec, trafficPolicy })];
}

/** An empty service name means the whole namespace. */
export function setMtls(objects: readonly ObjectJson[], service: ServiceRef, mode: string): readonly Manifest[] {
  const before = objects.find(
    (one) =>
      one.kind === 'PeerAuthentication' &&
      one.namespace === service.namespace &&
      (service.name === ''
        ? record(one.spec)['selector'] === undefined
        : record(record(record(one.spec)['selector'])['matchLabels'])['app'] === service.name),
  );
  const spec = {
    ...(service.name === '' ? {} : { selector: { matchLabels: { app: service.name } } }),
    ...record(before?.spec),
    mtls: { mode },
  };
  return [
    manifestOf(
      before,
      'PeerAuthentication',
      SECURITY,
      { namespace: service.namespace, name: service.name === '' ? 'default' : service.name },
      spec,
    ),
  ];
}

/** An identity that was seen on an edge, to be chosen for a policy. */
export interface SeenIdentity {
  readonly edge: TrafficEdgeJson;
  /** '' where the caller showed none: no policy can name it. */
  readonly principal: string;
  /** All that it asked for was denied: it is no part of what works today. */
  readonly denied: boolean;
}

/** Every identity of every edge, once for each callee. */
export function seenIdentities(edges: readonly TrafficEdgeJson[]): readonly SeenIdentity[] {
  const seen = new Map<string, SeenIdentity>();
  for (const edge of edges) {
    // Who came too often may come.
    const denials = edge.denied - edge.limited;
    const denied = denials > 0 && denials >= edge.requests + edge.connectionsOpened;
    for (const principal of edge.sourcePrincipals.length === 0 ? [''] : edge.sourcePrincipals) {
      const key = identityKey({ edge, principal });
      const known = seen.get(key);
      if (known === undefined || (known.denied && !denied)) seen.set(key, { edge, principal, denied });
    }
  }
  return [...seen.values()];
}

export function identityKey({ edge, principal }: Pick<SeenIdentity, 'edge' | 'principal'>): string {
  return `${edge.sourceNamespace}/${edge.source} ${principal} ${edge.destinationNamespace}/${edge.destination}`;
}

/** A policy for each callee that allows, or denies, these identities. */
export function authorize(seen: readonly SeenIdentity[], action: 'ALLOW' | 'DENY'): readonly Manifest[] {
  const byService = Map.groupBy(
    seen.filter((one) => one.principal !== ''),
    ({ edge }) => `${edge.destinationNamespace}/${edge.destinationCanonical || edge.destination}`,
  );
  return [...byService].map(([id, own]) => {
    const [namespace = '', name = ''] = id.split('/');
    const principals = [...new Set(own.map((one) => one.principal.replace(/^spiffe:\/\//, '')))].sort();
    return {
      apiVersion: SECURITY,
      kind: 'AuthorizationPolicy',
      metadata: { name: `${name}-${action === 'ALLOW' ? 'observed' : 'denied'}`, namespace },
      spec: { selector: { matchLabels: { app: name } }, action, rules: [{ from: [{ source: { principals } }] }] },
    };
  });
}

function changeRules(
  objects: readonly ObjectJson[],
  service: ServiceRef,
  change: (http: readonly Json[]) => readonly Json[],
): Manifest {
  const routes = findRoutes(objects, service);
  const before = list(record(routes?.spec)['http']);
  const http = change(before.length === 0 ? [{ route: [{ destination: { host: service.name } }] }] : before);
  return manifestOf(routes, 'VirtualService', NETWORKING, service, {
    hosts: [service.name],
    ...record(routes?.spec),
    http,
  });
}

function manifestOf(
  before: ObjectJson | undefined,
  kind: string,
  apiVersion: string,
  service: ServiceRef,
  spec: Json,
): Manifest {
  const filled = (all: Readonly<Record<string, string>> | undefined): boolean => Object.keys(all ?? {}).length > 0;
  return {
    apiVersion: before?.apiVersion ?? apiVersion,
    kind,
    metadata: {
      name: before?.name ?? service.name,
      namespace: service.namespace,
      ...(filled(before?.labels) ? { labels: before?.labels ?? {} } : {}),
      ...(filled(before?.annotations) ? { annotations: before?.annotations ?? {} } : {}),
    },
    spec,
  };
}

function isService(host: string, service: ServiceRef): boolean {
  return (
    host === service.name ||
    host === `${service.name}.${service.namespace}` ||
    host.startsWith(`${service.name}.${service.namespace}.svc`)
  );
}

function isForMesh(spec: Json): boolean {
  const gateways = strings(spec['gateways']);
  return gateways.length === 0 || gateways.includes('mesh');
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
