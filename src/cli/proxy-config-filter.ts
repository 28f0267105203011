// The filters of topsail proxy-config: istioctl's flags with istioctl's meaning (istioctl/pkg/writer/envoy/configdump).
import { CliError } from './context.ts';
import { type Json, jsonAt, jsonList } from './json-paths.ts';

export type FilteredPart = 'listeners' | 'routes' | 'clusters' | 'endpoints';

/** What the flags said; a field that is absent filters nothing. */
export interface ConfigFilter {
  readonly fqdn?: string;
  readonly port?: string;
  readonly direction?: string;
  readonly subset?: string;
  readonly name?: string;
  readonly type?: string;
  readonly address?: string;
  readonly cluster?: string;
  readonly status?: string;
}

type Flag = keyof ConfigFilter;
/** Which parts a flag is of. */
const PARTS: Readonly<Record<Flag, readonly FilteredPart[]>> = {
  fqdn: ['clusters'],
  port: ['clusters', 'listeners', 'endpoints'],
  direction: ['clusters'],
  subset: ['clusters'],
  name: ['routes'],
  type: ['listeners'],
  address: ['listeners', 'endpoints'],
  cluster: ['endpoints'],
  status: ['endpoints'],
};

/** A filter that the part does not have would show everything, as if it had found it. */
export function checkFilter(part: string, filter: ConfigFilter): void {
  for (const [flag, parts] of Object.entries(PARTS)) {
    if (filter[flag as Flag] === undefined || part === 'all' || parts.some((one) => one === part)) continue;
    const own = Object.entries(PARTS).flatMap(([other, of]) => (of.some((one) => one === part) ? [`--${other}`] : []));
    throw new CliError(
      `--${flag} is of ${parts.join(', ')}: ${part} ${own.length === 0 ? 'have no filter' : `take ${own.join(', ')}`}.`,
    );
  }
  const { port } = filter;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535))
    throw new CliError(`--port ${port} is no port.`);
}

/** What of a part the filter leaves; of endpoints each for itself. */
export function narrow(part: FilteredPart, resources: readonly Json[], filter: ConfigFilter): readonly Json[] {
  switch (part) {
    case 'clusters':
      return resources.filter((one) => clusterFits(String(one['name']), filter));
    case 'routes':
      return resources.filter((one) => filter.name === undefined || one['name'] === filter.name);
    case 'listeners':
      return resources.filter((one) => listenerFits(one, filter));
    case 'endpoints':
      return resources.flatMap((one) => endpointsThatFit(one, filter));
  }
}

function clusterFits(name: string, { fqdn, port, direction, subset }: ConfigFilter): boolean {
  const [first = '', second = '', third = '', host] = name.split('|');
  const of =
    host === undefined
      ? { direction: '', port: '', subset: '', host: name }
      : { direction: first, port: second, subset: third, host };
  return (
    (fqdn === undefined || of.host.includes(fqdn)) &&
    (port === undefined || (of.port !== '' && Number(of.port) === Number(port))) &&
    (direction === undefined || same(of.direction, direction)) &&
    (subset === undefined || of.subset.includes(subset))
  );
}

function listenerFits(listener: Json, { port, type, address }: ConfigFilter): boolean {
  return (
    addressFits(jsonAt(listener, 'address', 'socketAddress'), address, port) &&
    (type === undefined || same(listenerType(listener), type))
  );
}

/** HTTP, TCP, HTTP+TCP or UNKNOWN; what goes to the black hole is no TCP service. */
function listenerType(listener: Json): string {
  const last = jsonAt(listener, 'defaultFilterChain');
  const chains = [...jsonList(listener['filterChains']), ...(last === undefined ? [] : [last])];
  const filters = chains.flatMap((chain) => jsonList(chain['filters']));
  const http = filters.some((one) => one['name'] === 'envoy.filters.network.http_connection_manager');
  const tcp = filters.some(
    (one) =>
      one['name'] === 'envoy.filters.network.tcp_proxy' &&
      jsonAt(one, 'typedConfig')?.['cluster'] !== 'BlackHoleCluster',
  );
  if (http) return tcp ? 'HTTP+TCP' : 'HTTP';
  return tcp ? 'TCP' : 'UNKNOWN';
}

function endpointsThatFit(assignment: Json, filter: ConfigFilter): readonly Json[] {
  const { cluster, address, port, status } = filter;
  if (cluster !== undefined && !same(String(assignment['clusterName']), cluster)) return [];
  if (address === undefined && port === undefined && status === undefined) return [assignment];
  const endpoints = jsonList(assignment['endpoints']).flatMap((locality) => {
    const lbEndpoints = jsonList(locality['lbEndpoints']).filter(
      (one) =>
        addressFits(jsonAt(one, 'endpoint', 'address', 'socketAddress'), address, port) &&
        (status === undefined || same(endpointStatus(one), status)),
    );
    return lbEndpoints.length === 0 ? [] : [{ ...locality, lbEndpoints }];
  });
  return endpoints.length === 0 ? [] : [{ ...assignment, endpoints }];
}

/** What an assignment does not say is healthy. */
export function endpointStatus(endpoint: Json): string {
  return String(endpoint['healthStatus'] ?? 'HEALTHY');
}

function addressFits(socket: Json | undefined, address: string | undefined, port: string | undefined): boolean {
  return (
    (address === undefined || same(String(socket?.['address'] ?? ''), address)) &&
    (port === undefined || (socket?.['portValue'] !== undefined && Number(socket['portValue']) === Number(port)))
  );
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
