// The control plane's own metrics under istiod's names (pilot_*), as Prometheus text.
import type { Pusher } from '#push';
import type { XdsServer } from '#xds';

export interface MetricSources {
  readonly xds: XdsServer;
  readonly pusher: Pusher;
  readonly uptimeMs: number;
  readonly version: string;
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: number;
  readonly labels?: string;
}

export function discoveryMetrics({ xds, pusher, uptimeMs, version }: MetricSources): string {
  const syncs = xds.status();
  const snapshot = pusher.snapshot;
  const rejected = (type: string): number => syncs.reduce((n, one) => n + one.rejects.filter((r) => r.typeUrl.endsWith(`.${type}`)).length, 0);
  const metrics: Metric[] = [
    { name: 'pilot_xds', type: 'gauge', help: 'Number of endpoints connected to this pilot using XDS.', value: syncs.length, labels: `version="${version}"` },
    { name: 'pilot_services', type: 'gauge', help: 'Total services known to pilot.', value: snapshot?.services.all.size ?? 0 },
    { name: 'pilot_virt_services', type: 'gauge', help: 'Total virtual services known to pilot.', value: snapshot?.config.list('VirtualService').length ?? 0 },
    { name: 'pilot_xds_cds_reject', type: 'gauge', help: 'Pilot rejected CDS configs.', value: rejected('Cluster') },
    { name: 'pilot_xds_eds_reject', type: 'gauge', help: 'Pilot rejected EDS.', value: rejected('ClusterLoadAssignment') },
    { name: 'pilot_xds_lds_reject', type: 'gauge', help: 'Pilot rejected LDS.', value: rejected('Listener') },
    { name: 'pilot_xds_rds_reject', type: 'gauge', help: 'Pilot rejected RDS.', value: rejected('RouteConfiguration') },
    { name: 'pilot_total_xds_rejects', type: 'counter', help: 'Total number of XDS responses from pilot rejected by proxies.', value: syncs.reduce((n, one) => n + one.rejects.length, 0) },
    { name: 'topsail_snapshot', type: 'gauge', help: 'Number of the current snapshot.', value: snapshot?.number ?? 0 },
    { name: 'topsail_lagging_proxies', type: 'gauge', help: 'Proxies whose acknowledgement is overdue.', value: syncs.filter((one) => one.lagging !== '').length },
    { name: 'istiod_uptime_seconds', type: 'gauge', help: 'Current istiod server uptime in seconds.', value: uptimeMs / 1000 },
    { name: 'pilot_info', type: 'gauge', help: 'Pilot version and build information.', value: 1, labels: `version="${version}"` },
  ];
  return metrics.map((m) => `# HELP ${m.name} ${m.help}\n# TYPE ${m.name} ${m.type}\n${m.name}${m.labels === undefined ? '' : `{${m.labels}}`} ${m.value}\n`).join('');
}
