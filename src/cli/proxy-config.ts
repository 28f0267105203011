// topsail proxy-config: what one proxy was given, by type, as istioctl's short tables or as JSON.
import type { ConfigCauseJson, ProxyJson } from '#api';
import { causeWords } from './cause-text.ts';
import type { CliContext } from './context.ts';
import { type Json, jsonAt, jsonList } from './json-paths.ts';
import { openMesh } from './mesh-client.ts';
import { checkFilter, type ConfigFilter, endpointStatus, narrow } from './proxy-config-filter.ts';
import { agentSecrets, SECRET_HEADS, secretCells, secretRow } from './proxy-secrets.ts';
import { structured } from './structured.ts';
import { table } from './table.ts';

export const CONFIG_PARTS = ['all', 'listeners', 'routes', 'clusters', 'endpoints', 'secrets'] as const;
export type ConfigPart = (typeof CONFIG_PARTS)[number];

type Dump = Readonly<Record<Exclude<ConfigPart, 'all'>, readonly Json[]>> & {
  readonly causes: readonly ConfigCauseJson[];
};

export async function proxyConfig(
  context: CliContext,
  part: ConfigPart,
  proxy: string,
  options: ConfigFilter & { readonly home?: string; readonly output: string },
): Promise<number> {
  checkFilter(part, options);
  const mesh = await openMesh(context, options.home);
  const dump = narrowed(await mesh.get<Dump>(`/api/v1/proxies/${encodeURIComponent(proxy)}/config`), options);
  const secrets =
    part === 'all' || part === 'secrets'
      ? await agentSecrets(context, proxyCalled(proxy, await mesh.get<readonly ProxyJson[]>('/api/v1/proxies')))
      : [];
  const parts = part === 'all' ? (['listeners', 'routes', 'clusters', 'endpoints', 'secrets'] as const) : [part];
  const whole = { ...dump, secrets: [...dump.secrets, ...secrets] };
  const plain = await structured(part === 'all' ? whole : whole[part], options.output);
  if (plain !== undefined) {
    context.out(plain);
    return 0;
  }
  for (const [i, one] of parts.entries()) {
    if (i > 0) context.out('\n');
    if (parts.length > 1) context.out(`${one.toUpperCase()}\n`);
    if (one === 'secrets') {
      const rows = [...secrets, ...dump.secrets.map(secretRow)];
      const nowMs = context.clock.wallTime();
      context.out(
        table(
          SECRET_HEADS,
          rows.map((row) => secretCells(row, nowMs)),
        ),
      );
    } else {
      const causes = new Map(
        dump.causes.filter(({ part: of }) => of === one).map(({ of, cause }) => [of, causeWords(cause)]),
      );
      context.out(
        table(
          HEADS[one],
          (dump[one] ?? []).flatMap((resource) => ROWS[one](resource, causes)),
        ),
      );
    }
  }
  return 0;
}

function narrowed(dump: Dump, filter: ConfigFilter): Dump {
  const parts = (['listeners', 'routes', 'clusters', 'endpoints'] as const).map(
    (part) => [part, narrow(part, dump[part] ?? [], filter)] as const,
  );
  return { ...dump, ...Object.fromEntries(parts) };
}

function proxyCalled(name: string, all: readonly ProxyJson[]): ProxyJson | undefined {
  return all.find((p) => p.id === name || p.name === name || `${p.name}.${p.namespace}` === name);
}

type Part = Exclude<ConfigPart, 'all' | 'secrets'>;
const HEADS: Readonly<Record<Part, readonly string[]>> = {
  listeners: ['NAME', 'ADDRESS', 'PORT', 'MATCH', 'DESTINATION', 'CAUSE'],
  routes: ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'DESTINATION', 'CAUSE'],
  clusters: ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'CAUSE'],
  endpoints: ['ENDPOINT', 'STATUS', 'WEIGHT', 'CLUSTER'],
};

/** What caused a cluster, listener or route, as `of` of ConfigCauseJson names it. */
type Causes = ReadonlyMap<string, string>;
const ROWS: Readonly<Record<Part, (resource: Json, causes: Causes) => string[][]>> = {
  listeners: listenerRows,
  routes: routeRows,
  clusters: (c, causes) => {
    const cause = causes.get(String(c['name'])) ?? '-';
    const [direction, port, subset, host] = String(c['name']).split('|');
    if (host === undefined) return [[String(c['name']), '-', '-', '-', String(c['type'] ?? 'STATIC'), cause]];
    return [
      [
        host === '' ? '-' : host,
        port ?? '',
        subset === '' ? '-' : (subset ?? ''),
        direction ?? '',
        String(c['type'] ?? 'STATIC'),
        cause,
      ],
    ];
  },
  endpoints: (assignment) =>
    jsonList(assignment['endpoints']).flatMap((locality) =>
      jsonList(locality['lbEndpoints']).map((e) => {
        const address = jsonAt(e, 'endpoint', 'address', 'socketAddress');
        return [
          `${address?.['address'] ?? '?'}:${address?.['portValue'] ?? '?'}`,
          endpointStatus(e),
          String(e['loadBalancingWeight'] ?? 1),
          String(assignment['clusterName']),
        ];
      }),
    ),
};

function listenerRows(listener: Json, causes: Causes): string[][] {
  const address = jsonAt(listener, 'address', 'socketAddress');
  const head = [String(listener['name']), String(address?.['address'] ?? ''), String(address?.['portValue'] ?? '')];
  const chains = [
    ...jsonList(listener['filterChains']),
    ...(listener['defaultFilterChain'] === undefined ? [] : [listener['defaultFilterChain'] as Json]),
  ];
  return chains.map((chain) => [
    ...head,
    matchText(chain['filterChainMatch'] as Json | undefined),
    destinationText(chain),
    causes.get(String(listener['name'])) ?? '-',
  ]);
}

function matchText(match: Json | undefined): string {
  if (match === undefined) return 'ALL';
  const parts: string[] = [];
  if (match['transportProtocol'] !== undefined) parts.push(`Trans: ${String(match['transportProtocol'])}`);
  if (match['applicationProtocols'] !== undefined)
    parts.push(`App: ${(match['applicationProtocols'] as string[]).join(',')}`);
  if (match['serverNames'] !== undefined) parts.push(`SNI: ${(match['serverNames'] as string[]).join(',')}`);
  if (match['destinationPort'] !== undefined) parts.push(`Port: ${String(match['destinationPort'])}`);
  return parts.join('; ') || 'ALL';
}

function destinationText(chain: Json): string {
  for (const filter of jsonList(chain['filters'])) {
    const config = filter['typedConfig'] as Json | undefined;
    const rds = jsonAt(config, 'rds');
    if (rds !== undefined) return `Route: ${String(rds['routeConfigName'])}`;
    const inline = jsonAt(config, 'routeConfig');
    if (inline !== undefined) return `Inline Route: ${String(inline['name'] ?? '')}`;
    if (config?.['cluster'] !== undefined) return `Cluster: ${String(config['cluster'])}`;
  }
  return '-';
}

function routeRows(config: Json, causes: Causes): string[][] {
  return jsonList(config['virtualHosts']).flatMap((host) =>
    jsonList(host['routes']).map((route, i) => [
      String(config['name']),
      String(host['name']),
      shorten((host['domains'] as string[] | undefined) ?? []),
      routeMatchText(route['match'] as Json | undefined),
      routeTargetText(route),
      causes.get(`${String(config['name'])}|${String(host['name'])}|${i}`) ?? '-',
    ]),
  );
}

function routeMatchText(match: Json | undefined): string {
  if (match === undefined) return '/*';
  const path =
    match['prefix'] !== undefined
      ? `${String(match['prefix'])}*`
      : String(match['path'] ?? match['pathSeparatedPrefix'] ?? jsonAt(match, 'safeRegex')?.['regex'] ?? '/*');
  const headers = jsonList(match['headers']).map((h) => String(h['name']));
  return headers.length === 0 ? path : `${path} [${headers.join(',')}]`;
}

function routeTargetText(route: Json): string {
  const action = route['route'] as Json | undefined;
  if (action === undefined)
    return route['redirect'] !== undefined
      ? 'redirect'
      : route['directResponse'] !== undefined
        ? `direct ${String(jsonAt(route, 'directResponse')?.['status'])}`
        : '-';
  if (action['cluster'] !== undefined) return String(action['cluster']);
  return jsonList(jsonAt(action, 'weightedClusters')?.['clusters'])
    .map((c) => `${String(c['name'])} ${String(c['weight'] ?? 0)}`)
    .join(', ');
}

function shorten(domains: readonly string[]): string {
  return domains.length <= 2 ? domains.join(', ') : `${domains.slice(0, 2).join(', ')} + ${domains.length - 2} more...`;
}
