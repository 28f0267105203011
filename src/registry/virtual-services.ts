// VirtualServices with their hosts made whole and their delegates merged in (inventory §1.1; pilot/pkg/model/virtualservice.go).

import type { ObjectRef } from '#base';
import { type ConfigView, refOf } from '#config';
import { type Condition, condition } from './errors.ts';
import { resolveHost } from './host.ts';
import type { HttpMatch, HttpRoute, VirtualService } from './kinds.ts';

/** One VirtualService ready for use. Identity changes only when the object or one of its delegates does. */
export interface ResolvedVirtualService {
  readonly object: VirtualService;
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name`. */
  readonly gateways: readonly string[];
  readonly http: readonly ResolvedHttpRoute[];
  readonly exportTo: readonly string[];
  readonly namespace: string;
  readonly name: string;
  /** Some match asks for the client's labels. */
  readonly usesLabels: boolean;
  readonly parts: readonly VirtualService[];
}

/** A route and the object whose text it is (a delegate's routes are the delegate's). */
export interface ResolvedHttpRoute {
  readonly route: HttpRoute;
  readonly namespace: string;
  readonly origin: ObjectRef;
  /** Where in that object's text. */
  readonly path: string;
}

export interface VirtualServiceIndex {
  /** By age: where several are for one host, the first wins in the mesh. */
  readonly all: readonly ResolvedVirtualService[];
  readonly conditions: readonly Condition[];
}

export interface VirtualServiceContext {
  readonly domain: string;
  readonly exists: (host: string) => boolean;
  readonly former: VirtualServiceIndex | undefined;
}

export function buildVirtualServices(view: ConfigView, context: VirtualServiceContext): VirtualServiceIndex {
  const known = new Map((context.former?.all ?? []).map((resolved) => [resolved.object, resolved]));
  const conditions: Condition[] = [];
  const all: ResolvedVirtualService[] = [];
  for (const object of view.list('VirtualService')) {
    if ((object.spec.hosts ?? []).length === 0) continue;
    const parts = [object, ...delegatesOf(object, view, conditions)];
    const hosts = (object.spec.hosts ?? []).map((host) => resolveHost(host, object.metadata.namespace, context));
    const former = known.get(object);
    const same = former !== undefined && equal(former.parts, parts) && equal(former.hosts, hosts);
    all.push(same ? former : resolve(object, hosts, parts));
  }
  return { all, conditions };
}

function resolve(
  object: VirtualService,
  hosts: readonly string[],
  parts: readonly VirtualService[],
): ResolvedVirtualService {
  const { name, namespace } = object.metadata;
  const http = (object.spec.http ?? []).flatMap((route, index) => expand(route, `spec.http[${index}]`, object, parts));
  return Object.freeze<ResolvedVirtualService>({
    object,
    hosts,
    gateways: (object.spec.gateways ?? ['mesh']).map((gateway) => gatewayName(gateway, namespace)),
    http,
    exportTo: object.spec.exportTo ?? [],
    namespace,
    name,
    usesLabels: asksForLabels(object, http),
    parts,
  });
}

/** `mesh` stays; a bare name is of the VirtualService's own namespace; FQDN forms lose their domain. */
export function gatewayName(text: string, namespace: string): string {
  if (text === 'mesh') return text;
  if (text.includes('/')) return text;
  const [name = '', ns] = text.split('.');
  return `${ns ?? namespace}/${name}`;
}

function delegatesOf(object: VirtualService, view: ConfigView, conditions: Condition[]): readonly VirtualService[] {
  const found = new Set<VirtualService>();
  for (const [index, route] of (object.spec.http ?? []).entries()) {
    if (route.delegate === undefined) continue;
    const namespace = route.delegate.namespace ?? object.metadata.namespace;
    const name = route.delegate.name ?? '';
    const delegate = view.get('VirtualService', namespace, name);
    if (delegate === undefined || (delegate.spec.hosts ?? []).length > 0) {
      conditions.push(
        condition('TS-REG-001', object, { path: `spec.http[${index}].delegate`, delegate: `${namespace}/${name}` }),
      );
    } else {
      found.add(delegate);
    }
  }
  return [...found];
}

/** A route that delegates becomes the delegate's routes, each with both sides' conditions. One level only. */
function expand(
  route: HttpRoute,
  path: string,
  object: VirtualService,
  parts: readonly VirtualService[],
): readonly ResolvedHttpRoute[] {
  const own = { namespace: object.metadata.namespace, origin: refOf(object) };
  if (route.delegate === undefined) return [{ route, path, ...own }];
  const namespace = route.delegate.namespace ?? object.metadata.namespace;
  const delegate = parts.find(
    (part) => part !== object && part.metadata.name === route.delegate?.name && part.metadata.namespace === namespace,
  );
  const merged: ResolvedHttpRoute[] = [];
  for (const [index, child] of (delegate?.spec.http ?? []).entries()) {
    if (child.delegate !== undefined) continue;
    const match = mergeMatches(route.match, child.match);
    if (match === undefined) continue;
    merged.push({
      route: mergeRoute(route, child, match),
      namespace,
      origin: refOf(delegate as VirtualService),
      path: `spec.http[${index}]`,
    });
  }
  return merged;
}

function mergeRoute(root: HttpRoute, child: HttpRoute, match: readonly HttpMatch[]): HttpRoute {
  const { delegate: _, match: __, ...outer } = root;
  const { match: ___, ...inner } = child;
  const name = [root.name, child.name].filter((part) => part !== undefined && part !== '').join('-');
  return Object.freeze({
    ...outer,
    ...inner,
    ...(name === '' ? {} : { name }),
    ...(match.length === 0 ? {} : { match }),
  }) as HttpRoute;
}

/** Every pair that does not contradict itself; undefined when all do. */
function mergeMatches(
  root: readonly HttpMatch[] | undefined,
  child: readonly HttpMatch[] | undefined,
): readonly HttpMatch[] | undefined {
  if (root === undefined || root.length === 0) return child ?? [];
  if (child === undefined || child.length === 0) return root;
  const pairs: HttpMatch[] = [];
  for (const outer of root) {
    for (const inner of child) {
      const merged = mergeMatch(outer, inner);
      if (merged !== undefined) pairs.push(merged);
    }
  }
  return pairs.length === 0 ? undefined : pairs;
}

/** The delegate's conditions must lie within the root's (inventory §1.1); where both set one, the delegate's is the narrower. */
function mergeMatch(outer: HttpMatch, inner: HttpMatch): HttpMatch | undefined {
  if (outer.uri !== undefined && inner.uri !== undefined && !uriWithin(outer.uri, inner.uri)) return undefined;
  for (const field of ['port', 'sourceNamespace'] as const) {
    if (outer[field] !== undefined && inner[field] !== undefined && outer[field] !== inner[field]) return undefined;
  }
  const name = [outer.name, inner.name].filter((part) => part !== undefined && part !== '').join('-');
  return {
    ...outer,
    ...inner,
    ...(name === '' ? {} : { name }),
    ...(outer.headers || inner.headers ? { headers: { ...outer.headers, ...inner.headers } } : {}),
    ...(outer.withoutHeaders || inner.withoutHeaders
      ? { withoutHeaders: { ...outer.withoutHeaders, ...inner.withoutHeaders } }
      : {}),
    ...(outer.queryParams || inner.queryParams ? { queryParams: { ...outer.queryParams, ...inner.queryParams } } : {}),
    ...(outer.sourceLabels || inner.sourceLabels
      ? { sourceLabels: { ...outer.sourceLabels, ...inner.sourceLabels } }
      : {}),
  } as HttpMatch;
}

type Uri = NonNullable<HttpMatch['uri']>;

function uriWithin(outer: Uri, inner: Uri): boolean {
  if (outer.prefix !== undefined) return (inner.exact ?? inner.prefix)?.startsWith(outer.prefix) ?? false;
  if (outer.exact !== undefined) return inner.exact === outer.exact;
  return inner.regex === outer.regex && outer.regex !== undefined;
}

function asksForLabels(object: VirtualService, http: readonly ResolvedHttpRoute[]): boolean {
  const matches = [
    ...http.flatMap(({ route }) => route.match ?? []),
    ...(object.spec.tls ?? []).flatMap((route) => route.match ?? []),
    ...(object.spec.tcp ?? []).flatMap((route) => route.match ?? []),
  ];
  return matches.some((match) => match.sourceLabels !== undefined && Object.keys(match.sourceLabels).length > 0);
}

function equal(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
