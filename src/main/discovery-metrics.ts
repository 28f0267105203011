// The control plane's own metrics under istiod's names (pilot_*), as Prometheus text.
import type { Pusher } from '#push';
import { CONVERGENCE_BOUNDS, type PushCounts, type XdsServer } from '#xds';
import { TYPE_URL } from '#base';
import type { CertificateCounts } from './discovery-identity.ts';

export interface MetricSources {
  readonly xds: XdsServer;
  readonly pusher: Pusher;
  readonly uptimeMs: number;
  readonly version: string;
  readonly certificates: CertificateCounts;
}

/** istiod's words for types. */
const PUSH_TYPES: Readonly<Record<string, string>> = {
  [TYPE_URL.cluster]: 'cds',
  [TYPE_URL.endpoint]: 'eds',
  [TYPE_URL.listener]: 'lds',
  [TYPE_URL.route]: 'rds',
  [TYPE_URL.secret]: 'sds',
  [TYPE_URL.extensionConfig]: 'ecds',
  [TYPE_URL.nameTable]: 'nds',
  [TYPE_URL.virtualHost]: 'vhds',
};

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: number;
  readonly labels?: string;
}

export function discoveryMetrics({ xds, pusher, uptimeMs, version, certificates }: MetricSources): string {
  const syncs = xds.status();
  const snapshot = pusher.snapshot;
  const rejected = (type: string): number =>
    syncs.reduce((n, one) => n + one.rejects.filter((r) => r.typeUrl.endsWith(`.${type}`)).length, 0);
  const metrics: Metric[] = [
    {
      name: 'pilot_xds',
      type: 'gauge',
      help: 'Number of endpoints connected to this pilot using XDS.',
      value: syncs.length,
      labels: `version="${version}"`,
    },
    {
      name: 'pilot_services',
      type: 'gauge',
      help: 'Total services known to pilot.',
      value: snapshot?.services.all.size ?? 0,
    },
    {
      name: 'pilot_virt_services',
      type: 'gauge',
      help: 'Total virtual services known to pilot.',
      value: snapshot?.config.list('VirtualService').length ?? 0,
    },
    { name: 'pilot_xds_cds_reject', type: 'gauge', help: 'Pilot rejected CDS configs.', value: rejected('Cluster') },
    {
      name: 'pilot_xds_eds_reject',
      type: 'gauge',
      help: 'Pilot rejected EDS.',
      value: rejected('ClusterLoadAssignment'),
    },
    { name: 'pilot_xds_lds_reject', type: 'gauge', help: 'Pilot rejected LDS.', value: rejected('Listener') },
    { name: 'pilot_xds_rds_reject', type: 'gauge', help: 'Pilot rejected RDS.', value: rejected('RouteConfiguration') },
    {
      name: 'pilot_total_xds_rejects',
      type: 'counter',
      help: 'Total number of XDS responses from pilot rejected by proxies.',
      value: syncs.reduce((n, one) => n + one.rejects.length, 0),
    },
    {
      name: 'citadel_server_csr_count',
      type: 'counter',
      help: 'The number of CSRs received by Citadel server.',
      value: certificates.requests,
    },
    {
      name: 'citadel_server_success_cert_issuance_count',
      type: 'counter',
      help: 'The number of certificates issuances that have succeeded.',
      value: certificates.issued,
    },
    {
      name: 'citadel_server_authentication_failure_count',
      type: 'counter',
      help: 'The number of authentication failures.',
      value: certificates.unauthenticated,
    },
    {
      name: 'citadel_server_root_cert_expiry_timestamp',
      type: 'gauge',
      help: 'The unix timestamp, in seconds, when Citadel root cert will expire.',
      value: certificates.rootExpirySeconds(),
    },
    { name: 'topsail_snapshot', type: 'gauge', help: 'Number of the current snapshot.', value: snapshot?.number ?? 0 },
    {
      name: 'topsail_lagging_proxies',
      type: 'gauge',
      help: 'Proxies whose acknowledgement is overdue.',
      value: syncs.filter((one) => one.lagging !== '').length,
    },
    {
      name: 'istiod_uptime_seconds',
      type: 'gauge',
      help: 'Current istiod server uptime in seconds.',
      value: uptimeMs / 1000,
    },
    {
      name: 'pilot_info',
      type: 'gauge',
      help: 'Pilot version and build information.',
      value: 1,
      labels: `version="${version}"`,
    },
  ];
  return metrics.map(text).join('') + pushes(xds.counts) + convergence(xds.counts);
}

function text(m: Metric): string {
  return `# HELP ${m.name} ${m.help}\n# TYPE ${m.name} ${m.type}\n${m.name}${m.labels === undefined ? '' : `{${m.labels}}`} ${m.value}\n`;
}

function pushes({ sent }: PushCounts): string {
  const lines = [...sent].map(
    ([typeUrl, count]) => `pilot_xds_pushes{type="${PUSH_TYPES[typeUrl] ?? 'other'}"} ${count}\n`,
  );
  return `# HELP pilot_xds_pushes Pushes by type.\n# TYPE pilot_xds_pushes counter\n${lines.join('')}`;
}

function convergence({ convergence: counts, convergenceSum }: PushCounts): string {
  const name = 'pilot_proxy_convergence_time';
  const buckets = counts.map((count, i) => `${name}_bucket{le="${CONVERGENCE_BOUNDS[i] ?? '+Inf'}"} ${count}\n`);
  return `# HELP ${name} Delay in seconds between config change and a proxy receiving all required configuration.\n# TYPE ${name} histogram\n${buckets.join('')}${name}_sum ${convergenceSum}\n${name}_count ${counts.at(-1) ?? 0}\n`;
}
