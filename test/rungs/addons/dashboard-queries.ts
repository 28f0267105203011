// What dashboards ask Prometheus: the ones that are shipped, with their variables filled in, and Kiali.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../mesh/mesh.ts';

/** Each query with the dashboard and the panel that asks it. */
export function dashboardQueries(): readonly (readonly [what: string, expr: string])[] {
  const folder = join(root, 'samples/addons/dashboards');
  return readdirSync(folder).flatMap((file) => {
    const { panels } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    return panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => [`${file} ${title}`, filled(expr)] as const),
    );
  });
}

function filled(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '20s')
    .replaceAll('$service', 'reviews.default.svc.cluster.local')
    .replaceAll('$workload', 'productpage-v1')
    .replaceAll('$namespace', 'default');
}

/** The forms that Kiali asks in: its graph, its health, and its metrics pages (kiali/prometheus). */
export const KIALI: readonly string[] = [
  'sum(rate(istio_requests_total{reporter=~"source|waypoint",source_workload_namespace="default"}[20s])) by (source_cluster,source_workload_namespace,source_workload,source_canonical_service,source_canonical_revision,destination_cluster,destination_service_namespace,destination_service,destination_service_name,destination_workload_namespace,destination_workload,destination_canonical_service,destination_canonical_revision,request_protocol,response_code,grpc_response_status,response_flags) > 0',
  'sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="default"}[20s])) by (destination_service_name,response_code)',
  'histogram_quantile(0.95, sum(rate(istio_request_duration_milliseconds_bucket{reporter=~"source|waypoint",destination_service_namespace="default"}[20s])) by (le,source_workload,destination_workload))',
  'sum(rate(istio_requests_total{connection_security_policy="mutual_tls",reporter=~"destination|waypoint"}[20s]))',
  'count(istio_build) by (component, tag)',
];
