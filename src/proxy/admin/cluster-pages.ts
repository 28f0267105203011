// /clusters and /listeners, as text and as envoy.admin.v3 JSON.

import type { StreamedAnswer } from '#base';
import type { AdminView, ClusterView, HostView, ThresholdView } from './admin-view.ts';
import { json, text } from './answers.ts';
import { compileNameFilter, type NameFilter } from './name-filter.ts';

export async function clustersPage(view: AdminView, query: URLSearchParams): Promise<StreamedAnswer> {
  const accept = await compileNameFilter(query.get('filter'));
  if (query.get('format') === 'json')
    return { status: 200, contentType: 'application/json', body: clustersJson(view, accept) };
  return text(clustersText(view, accept));
}

export function listenersPage(view: AdminView, query: URLSearchParams): StreamedAnswer {
  if (query.get('format') === 'json') {
    const statuses = Array.from(view.listeners(), (l) => ({
      name: l.name,
      local_address: socketAddress(l.address, l.port),
      ...(l.additional.length === 0
        ? {}
        : { additional_local_addresses: l.additional.map((a) => socketAddress(a.address, a.port)) }),
    }));
    return json({ listener_statuses: statuses });
  }
  let page = '';
  for (const l of view.listeners()) {
    for (const at of [l, ...l.additional]) page += `${l.name}::${hostPort(at.address, at.port)}\n`;
  }
  return text(page);
}

/** One piece per cluster: a page of 1,000 clusters never holds up the loop. */
function* clustersText(view: AdminView, accept: NameFilter | undefined): Generator<string> {
  for (const cluster of view.clusters()) {
    if (accept?.(cluster.name) === false) continue;
    let page = '';
    const line = (rest: string): void => void (page += `${cluster.name}::${rest}\n`);
    line(`observability_name::${cluster.observabilityName}`);
    if (cluster.outlier !== undefined) {
      line(`outlier::success_rate_average::${cluster.outlier.successRateAverage}`);
      line(`outlier::success_rate_ejection_threshold::${cluster.outlier.successRateEjectionThreshold}`);
    }
    for (const [priority, limits] of Object.entries(cluster.thresholds)) {
      for (const [name, value] of thresholdFields(limits)) line(`${priority}_priority::${name}::${value}`);
    }
    line(`added_via_api::${cluster.addedViaApi}`);
    for (const host of cluster.hosts) {
      const at = hostPort(host.address, host.port);
      for (const [name, value] of hostFields(host)) line(`${at}::${name}::${value}`);
    }
    yield page;
  }
}

function* clustersJson(view: AdminView, accept: NameFilter | undefined): Generator<string> {
  yield '{\n "cluster_statuses": [';
  let first = true;
  for (const cluster of view.clusters()) {
    if (accept?.(cluster.name) === false) continue;
    yield `${first ? '' : ','}\n${JSON.stringify(clusterStatus(cluster), null, 1)}`;
    first = false;
  }
  yield '\n ]\n}\n';
}

function clusterStatus(c: ClusterView): object {
  return {
    name: c.name,
    ...(c.addedViaApi ? { added_via_api: true } : {}),
    host_statuses: Array.from(c.hosts, hostStatus),
    circuit_breakers: {
      thresholds: [
        Object.fromEntries(thresholdFields(c.thresholds.default)),
        { priority: 'HIGH', ...Object.fromEntries(thresholdFields(c.thresholds.high)) },
      ],
    },
    observability_name: c.observabilityName,
  };
}

function hostStatus(h: HostView): object {
  const counter = (name: string, value: number): object => (value === 0 ? { name } : { value: String(value), name });
  const gauge = (name: string, value: number): object => ({ type: 'GAUGE', ...counter(name, value) });
  const flags = h.healthFlags.split('/').filter((f) => f !== '');
  return {
    address: socketAddress(h.address, h.port),
    stats: [
      counter('cx_connect_fail', h.cxConnectFail),
      counter('cx_total', h.cxTotal),
      counter('rq_error', h.rqError),
      counter('rq_success', h.rqSuccess),
      counter('rq_timeout', h.rqTimeout),
      counter('rq_total', h.rqTotal),
      gauge('cx_active', h.cxActive),
      gauge('rq_active', h.rqActive),
    ],
    health_status: {
      ...Object.fromEntries(flags.filter((f) => f !== 'eds_status_draining').map((f) => [f, true])),
      eds_health_status: flags.includes('eds_status_draining') ? 'DRAINING' : 'HEALTHY',
    },
    ...(h.successRate < 0 ? {} : { success_rate: { value: h.successRate } }),
    weight: h.weight,
    ...(h.hostname === '' ? {} : { hostname: h.hostname }),
    ...(h.priority === 0 ? {} : { priority: h.priority }),
    locality: {
      ...(h.region === '' ? {} : { region: h.region }),
      ...(h.zone === '' ? {} : { zone: h.zone }),
      ...(h.subZone === '' ? {} : { sub_zone: h.subZone }),
    },
  };
}

function thresholdFields(t: ThresholdView): (readonly [string, number])[] {
  return [
    ['max_connections', t.maxConnections],
    ['max_pending_requests', t.maxPendingRequests],
    ['max_requests', t.maxRequests],
    ['max_retries', t.maxRetries],
  ];
}

function hostFields(h: HostView): (readonly [string, string | number | boolean])[] {
  return [
    ['cx_active', h.cxActive],
    ['cx_connect_fail', h.cxConnectFail],
    ['cx_total', h.cxTotal],
    ['rq_active', h.rqActive],
    ['rq_error', h.rqError],
    ['rq_success', h.rqSuccess],
    ['rq_timeout', h.rqTimeout],
    ['rq_total', h.rqTotal],
    ['hostname', h.hostname],
    ['health_flags', h.healthFlags === '' ? 'healthy' : h.healthFlags],
    ['weight', h.weight],
    ['region', h.region],
    ['zone', h.zone],
    ['sub_zone', h.subZone],
    ['canary', h.canary],
    ['priority', h.priority],
    ['success_rate', h.successRate],
    ['local_origin_success_rate', -1],
  ];
}

function socketAddress(address: string, port: number): object {
  if (address.startsWith('/') || address.startsWith('@')) return { pipe: { path: address } };
  return { socket_address: { address, port_value: port } };
}

function hostPort(address: string, port: number): string {
  if (address.startsWith('/') || address.startsWith('@')) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
