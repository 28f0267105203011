// Folds observed edges into the graph that is drawn: nodes of a chosen level, links with their numbers, boxes.
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';

export type Level = 'workload' | 'service' | 'namespace';
export type Health = 'ok' | 'degraded' | 'failing' | 'idle';

export interface GraphNode {
  readonly id: string;
  readonly kind: 'workload' | 'gateway' | 'service' | 'namespace' | 'external';
  readonly label: string;
  readonly version: string;
  readonly namespace: string;
  readonly service: string;
  /** Box that it stands in; '' for none. */
  readonly box: string;
  /** Workloads that it stands for. */
  readonly members: number;
  readonly rateIn: number;
  readonly rateOut: number;
  /** Of what it is asked: failed or denied. */
  readonly errorShare: number;
  readonly deniedShare: number;
  /** Of what it is asked: refused by a RateLimit, a part of the denied. */
  readonly limitedShare: number;
  readonly p99Ms: number;
  readonly health: Health;
}

export interface GraphLink {
  readonly id: string;
  /** What it stands for; at least one. */
  readonly edges: readonly TrafficEdgeJson[];
  readonly from: string;
  readonly to: string;
  readonly services: readonly string[];
  readonly protocols: readonly string[];
  readonly rate: number;
  readonly errorRate: number;
  /** Failed or denied. */
  readonly errorShare: number;
  readonly deniedShare: number;
  readonly limitedShare: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** `nobody`: it reached no workload, so it was spoken to nobody. */
  readonly mtls: 'all' | 'some' | 'none' | 'nobody';
  readonly openConnections: number;
  readonly bytesPerSecond: number;
}

export interface GraphBox {
  readonly id: string;
  readonly kind: 'namespace' | 'service';
  readonly label: string;
  readonly parent: string;
}

export interface GraphModel {
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
  readonly boxes: readonly GraphBox[];
}

export interface KnownWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  readonly gateway: boolean;
}

export interface GraphOptions {
  readonly level: Level;
  /** Namespaces drawn as one node; with `'*'` all but those of `expanded`. */
  readonly collapsed: ReadonlySet<string>;
  readonly expanded: ReadonlySet<string>;
  /** Workloads without traffic are shown too. */
  readonly idle: boolean;
}

/** Above this share of failures a node or link is drawn as failing, above the other as degraded. */
export const FAILING_SHARE = 0.1;
export const DEGRADED_SHARE = 0.001;
const UNKNOWN = 'unknown';

interface Side {
  readonly workload: string;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  /** Asked for as a service, and answered by no workload. */
  readonly unreached?: true;
}

interface Sums {
  readonly first: GraphNode;
  readonly members: Set<string>;
  rateIn: number;
  rateOut: number;
  errorsIn: number;
  deniedIn: number;
  limitedIn: number;
  p99Ms: number;
}

interface LinkSums {
  readonly edges: TrafficEdgeJson[];
  readonly from: string;
  readonly to: string;
  readonly services: Set<string>;
  readonly protocols: Set<string>;
  rate: number;
  errorRate: number;
  deniedRate: number;
  limitedRate: number;
  weight: number;
  /** Of the weight, what reached somebody. */
  reached: number;
  p50: number;
  p95: number;
  p99: number;
  mtls: number;
  open: number;
  bytes: number;
}

export function buildGraph(
  edges: readonly TrafficEdgeJson[],
  known: readonly KnownWorkload[],
  options: GraphOptions,
): GraphModel {
  const gateways = new Set(known.filter((one) => one.gateway).map((one) => `${one.namespace}/${one.name}`));
  const nodes = new Map<string, Sums>();
  const links = new Map<string, LinkSums>();
  const sumsOf = (side: Side): Sums => {
    const node = nodeOf(side, gateways, options);
    let sums = nodes.get(node.id);
    if (sums === undefined)
      nodes.set(
        node.id,
        (sums = {
          first: node,
          members: new Set(),
          rateIn: 0,
          rateOut: 0,
          errorsIn: 0,
          deniedIn: 0,
          limitedIn: 0,
          p99Ms: 0,
        }),
      );
    sums.members.add(`${side.namespace}/${side.workload}`);
    return sums;
  };
  for (const edge of edges) {
    const from = sumsOf({
      workload: edge.source,
      namespace: edge.sourceNamespace,
      service: edge.sourceService,
      version: edge.sourceVersion,
    });
    const to = sumsOf(destinationSide(edge));
    from.rateOut += edge.requestsPerSecond;
    to.rateIn += edge.requestsPerSecond;
    to.errorsIn += edge.errorsPerSecond;
    to.deniedIn += edge.deniedPerSecond;
    to.limitedIn += edge.limitedPerSecond;
    to.p99Ms = Math.max(to.p99Ms, edge.p99Ms);
    if (from !== to || options.level === 'workload') addLink(links, from.first.id, to.first.id, edge);
  }
  if (options.idle)
    for (const one of known)
      sumsOf({ workload: one.name, namespace: one.namespace, service: one.service, version: one.version });
  const all = [...nodes.values()].map(finishNode);
  return { ...boxesOf(all, options), links: [...links.values()].map(finishLink) };
}

/** Of a service of the mesh; one outside of it has no workload that could be known. */
export function reachedNobody(edge: Pick<TrafficEdgeJson, 'destination' | 'service'>): boolean {
  return edge.destination === UNKNOWN && edge.service.includes('.svc.');
}

/** What never reached a workload is shown at the service that was asked. */
function destinationSide(edge: TrafficEdgeJson): Side {
  const [host = '', namespace = ''] = edge.service.split('.');
  if (edge.destination !== UNKNOWN)
    return {
      workload: edge.destination,
      namespace: edge.destinationNamespace,
      service: edge.destinationCanonical || host,
      version: edge.destinationVersion,
    };
  return {
    workload: edge.service === '' ? UNKNOWN : host,
    namespace: edge.service.includes('.svc.') ? namespace : UNKNOWN,
    service: host,
    version: '',
    ...(reachedNobody(edge) ? { unreached: true } : {}),
  };
}

function nodeOf(side: Side, gateways: ReadonlySet<string>, options: GraphOptions): GraphNode {
  const { namespace, workload, version } = side;
  const service = side.service || workload;
  const none = {
    members: 1,
    rateIn: 0,
    rateOut: 0,
    errorShare: 0,
    deniedShare: 0,
    limitedShare: 0,
    p99Ms: 0,
    health: 'idle' as const,
  };
  if (namespace === UNKNOWN)
    return {
      id: `external/${service}`,
      kind: 'external',
      label: workload === UNKNOWN ? 'outside' : workload,
      version: '',
      namespace: '',
      service,
      box: '',
      ...none,
    };
  const shut =
    options.level === 'namespace' ||
    options.collapsed.has(namespace) ||
    (options.collapsed.has('*') && !options.expanded.has(namespace));
  if (shut)
    return {
      id: `namespace/${namespace}`,
      kind: 'namespace',
      label: namespace,
      version: '',
      namespace,
      service: '',
      box: '',
      ...none,
    };
  const gateway = gateways.has(`${namespace}/${workload}`);
  if (options.level === 'service' || side.unreached === true)
    return {
      id: `service/${namespace}/${service}`,
      kind: gateway ? 'gateway' : 'service',
      label: service,
      version: '',
      namespace,
      service,
      box: `ns/${namespace}`,
      ...none,
    };
  return {
    id: `workload/${namespace}/${workload}`,
    kind: gateway ? 'gateway' : 'workload',
    label: workload,
    version,
    namespace,
    service,
    box: `ns/${namespace}`,
    ...none,
  };
}

function addLink(links: Map<string, LinkSums>, from: string, to: string, edge: TrafficEdgeJson): void {
  const id = `${from}>${to}`;
  let link = links.get(id);
  if (link === undefined)
    links.set(
      id,
      (link = {
        edges: [],
        from,
        to,
        services: new Set(),
        protocols: new Set(),
        rate: 0,
        errorRate: 0,
        deniedRate: 0,
        limitedRate: 0,
        weight: 0,
        reached: 0,
        p50: 0,
        p95: 0,
        p99: 0,
        mtls: 0,
        open: 0,
        bytes: 0,
      }),
    );
  // An edge of connections alone still weighs something.
  const weight = Math.max(edge.requestsPerSecond, 1e-9);
  link.edges.push(edge);
  link.services.add(edge.service);
  link.protocols.add(edge.protocol);
  link.rate += edge.requestsPerSecond;
  link.errorRate += edge.errorsPerSecond;
  link.deniedRate += edge.deniedPerSecond;
  link.limitedRate += edge.limitedPerSecond;
  link.weight += weight;
  link.p50 += edge.p50Ms * weight;
  link.p95 = Math.max(link.p95, edge.p95Ms);
  link.p99 = Math.max(link.p99, edge.p99Ms);
  if (!reachedNobody(edge)) {
    link.reached += weight;
    link.mtls += edge.mtls * weight;
  }
  link.open += edge.openConnections;
  link.bytes += edge.bytesSentPerSecond + edge.bytesReceivedPerSecond;
}

function finishNode(sums: Sums): GraphNode {
  const errorShare = sums.rateIn > 0 ? sums.errorsIn / sums.rateIn : 0;
  return {
    ...sums.first,
    members: sums.members.size,
    rateIn: sums.rateIn,
    rateOut: sums.rateOut,
    errorShare,
    deniedShare: sums.rateIn > 0 ? sums.deniedIn / sums.rateIn : 0,
    limitedShare: sums.rateIn > 0 ? sums.limitedIn / sums.rateIn : 0,
    p99Ms: sums.p99Ms,
    health: sums.rateIn + sums.rateOut === 0 ? 'idle' : healthOf(errorShare),
  };
}

export function healthOf(errorShare: number): Health {
  if (errorShare >= FAILING_SHARE) return 'failing';
  return errorShare >= DEGRADED_SHARE ? 'degraded' : 'ok';
}

function finishLink(link: LinkSums): GraphLink {
  const mtls = link.mtls / link.reached;
  return {
    id: `${link.from}>${link.to}`,
    edges: link.edges,
    from: link.from,
    to: link.to,
    services: [...link.services],
    protocols: [...link.protocols],
    rate: link.rate,
    errorRate: link.errorRate,
    errorShare: link.rate > 0 ? link.errorRate / link.rate : 0,
    deniedShare: link.rate > 0 ? link.deniedRate / link.rate : 0,
    limitedShare: link.rate > 0 ? link.limitedRate / link.rate : 0,
    p50Ms: link.p50 / link.weight,
    p95Ms: link.p95,
    p99Ms: link.p99,
    mtls: link.reached === 0 ? 'nobody' : mtls > 0.999 ? 'all' : mtls < 0.001 ? 'none' : 'some',
    openConnections: link.open,
    bytesPerSecond: link.bytes,
  };
}

/** A box for each namespace, and one around the versions of a service where there are several. */
function boxesOf(nodes: readonly GraphNode[], options: GraphOptions): Pick<GraphModel, 'nodes' | 'boxes'> {
  const boxes = new Map<string, GraphBox>();
  const versions = new Map<string, number>();
  for (const node of nodes) {
    if (node.box === '') continue;
    boxes.set(node.box, { id: node.box, kind: 'namespace', label: node.namespace, parent: '' });
    if (node.kind === 'workload') versions.set(serviceBox(node), (versions.get(serviceBox(node)) ?? 0) + 1);
  }
  if (options.level !== 'workload') return { nodes, boxes: [...boxes.values()] };
  const placed = nodes.map((node): GraphNode => {
    if (node.kind !== 'workload' || (versions.get(serviceBox(node)) ?? 0) < 2) return node;
    boxes.set(serviceBox(node), { id: serviceBox(node), kind: 'service', label: node.service, parent: node.box });
    return { ...node, box: serviceBox(node) };
  });
  return { nodes: placed, boxes: [...boxes.values()] };
}

function serviceBox(node: GraphNode): string {
  return `svc/${node.namespace}/${node.service}`;
}

/** "12 % fail", or "denied", or "rate limited", where that is most of it. */
export function troubleWord({
  errorShare,
  deniedShare,
  limitedShare,
}: Pick<GraphLink, 'errorShare' | 'deniedShare' | 'limitedShare'>): 'fail' | 'denied' | 'rate limited' {
  if (deniedShare <= errorShare / 2) return 'fail';
  return refusedWord(deniedShare, limitedShare);
}

/** What is refused for its rate alone was not denied to anybody. */
export function refusedWord(denied: number, limited: number): 'denied' | 'rate limited' {
  return limited > denied / 2 ? 'rate limited' : 'denied';
}
