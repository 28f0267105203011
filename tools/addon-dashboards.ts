// The dashboards of samples/addons as lists of panels: mesh, service, workload, control plane, performance.

export interface Panel {
  readonly title: string;
  readonly type?: 'timeseries' | 'stat' | 'table';
  readonly unit?: string;
  /** Legend -> query. */
  readonly queries: Readonly<Record<string, string>>;
}

export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  /** Variable -> the query that lists its values. */
  readonly variables: Readonly<Record<string, string>>;
  readonly panels: readonly Panel[];
}

const R = '[$__rate_interval]';
const SENT = 'reporter=~"source|waypoint"';
const RECEIVED = 'reporter=~"destination|waypoint"';

const rate = (labels: string, metric = 'istio_requests_total', by = ''): string =>
  `sum(rate(${metric}{${labels}}${R}))${by === '' ? '' : ` by (${by})`}`;
const success = (labels: string, by = ''): string =>
  `${rate(`${labels},response_code!~"5.*"`, undefined, by)} / ${rate(labels, undefined, by)}`;
const quantiles = (labels: string, metric: string, by = ''): Record<string, string> =>
  Object.fromEntries(
    [0.5, 0.9, 0.99].map((q) => [
      `p${q * 100}${by === '' ? '' : ` {{${by}}}`}`,
      `histogram_quantile(${q}, ${rate(labels, `${metric}_bucket`, by === '' ? 'le' : `le, ${by}`)})`,
    ]),
  );
const orNone = (query: string): string => `(${query}) or vector(0)`;

const DURATION = 'istio_request_duration_milliseconds';

const MESH: Dashboard = {
  title: 'Mesh',
  uid: 'topsail-mesh',
  variables: {},
  panels: [
    { title: 'Requests', type: 'stat', unit: 'reqps', queries: { requests: rate(SENT) } },
    { title: 'Success rate', type: 'stat', unit: 'percentunit', queries: { 'not 5xx': success(SENT) } },
    {
      title: '4xx',
      type: 'stat',
      unit: 'reqps',
      queries: { '4xx': orNone(rate(`${SENT},response_code=~"4.*"`)) },
    },
    {
      title: '5xx',
      type: 'stat',
      unit: 'reqps',
      queries: { '5xx': orNone(rate(`${SENT},response_code=~"5.*"`)) },
    },
    {
      title: 'Workloads: requests',
      type: 'table',
      unit: 'reqps',
      queries: {
        '{{destination_workload}}.{{destination_workload_namespace}}': rate(
          SENT,
          undefined,
          'destination_workload, destination_workload_namespace, destination_service',
        ),
      },
    },
    {
      title: 'Workloads: latency',
      unit: 'ms',
      queries: quantiles(SENT, DURATION, 'destination_workload'),
    },
    {
      title: 'Workloads: success rate',
      unit: 'percentunit',
      queries: { '{{destination_workload}}': success(SENT, 'destination_workload, destination_workload_namespace') },
    },
    {
      title: 'TCP: bytes sent and received',
      unit: 'Bps',
      queries: {
        sent: orNone(rate(SENT, 'istio_tcp_sent_bytes_total')),
        received: orNone(rate(SENT, 'istio_tcp_received_bytes_total')),
      },
    },
    {
      title: 'Components by version',
      queries: { '{{component}} {{tag}}': 'sum(istio_build) by (component, tag)' },
    },
  ],
};

const TO = `destination_service=~"$service"`;
const SERVICE: Dashboard = {
  title: 'Service',
  uid: 'topsail-service',
  variables: { service: 'label_values(istio_requests_total, destination_service)' },
  panels: [
    { title: 'Client requests', type: 'stat', unit: 'reqps', queries: { requests: rate(`${SENT},${TO}`) } },
    {
      title: 'Client success rate',
      type: 'stat',
      unit: 'percentunit',
      queries: { 'not 5xx': success(`${SENT},${TO}`) },
    },
    { title: 'Client latency', unit: 'ms', queries: quantiles(`${SENT},${TO}`, DURATION) },
    { title: 'Server requests', type: 'stat', unit: 'reqps', queries: { requests: rate(`${RECEIVED},${TO}`) } },
    {
      title: 'Server success rate',
      type: 'stat',
      unit: 'percentunit',
      queries: { 'not 5xx': success(`${RECEIVED},${TO}`) },
    },
    { title: 'Server latency', unit: 'ms', queries: quantiles(`${RECEIVED},${TO}`, DURATION) },
    {
      title: 'Requests by source and response code',
      unit: 'reqps',
      queries: {
        '{{source_workload}}.{{source_workload_namespace}}: {{response_code}} ({{connection_security_policy}})': rate(
          `${RECEIVED},${TO}`,
          undefined,
          'source_workload, source_workload_namespace, response_code, connection_security_policy',
        ),
      },
    },
    {
      title: 'Latency by source',
      unit: 'ms',
      queries: quantiles(`${RECEIVED},${TO}`, DURATION, 'source_workload'),
    },
    { title: 'Request size', unit: 'bytes', queries: quantiles(`${RECEIVED},${TO}`, 'istio_request_bytes') },
    { title: 'Response size', unit: 'bytes', queries: quantiles(`${RECEIVED},${TO}`, 'istio_response_bytes') },
    {
      title: 'Requests by workload of the service',
      unit: 'reqps',
      queries: {
        '{{destination_workload}} {{destination_version}}: {{response_code}}': rate(
          `${RECEIVED},${TO}`,
          undefined,
          'destination_workload, destination_version, response_code',
        ),
      },
    },
  ],
};

const IN = 'destination_workload=~"$workload",destination_workload_namespace=~"$namespace"';
const OUT = 'source_workload=~"$workload",source_workload_namespace=~"$namespace"';
const WORKLOAD: Dashboard = {
  title: 'Workload',
  uid: 'topsail-workload',
  variables: {
    namespace: 'label_values(istio_requests_total, destination_workload_namespace)',
    workload: 'label_values(istio_requests_total{destination_workload_namespace=~"$namespace"}, destination_workload)',
  },
  panels: [
    { title: 'Incoming requests', type: 'stat', unit: 'reqps', queries: { requests: rate(`${RECEIVED},${IN}`) } },
    {
      title: 'Incoming success rate',
      type: 'stat',
      unit: 'percentunit',
      queries: { 'not 5xx': success(`${RECEIVED},${IN}`) },
    },
    { title: 'Incoming latency', unit: 'ms', queries: quantiles(`${RECEIVED},${IN}`, DURATION) },
    {
      title: 'Incoming requests by source and response code',
      unit: 'reqps',
      queries: {
        '{{source_workload}}.{{source_workload_namespace}}: {{response_code}} ({{connection_security_policy}})': rate(
          `${RECEIVED},${IN}`,
          undefined,
          'source_workload, source_workload_namespace, response_code, connection_security_policy',
        ),
      },
    },
    { title: 'Incoming request size', unit: 'bytes', queries: quantiles(`${RECEIVED},${IN}`, 'istio_request_bytes') },
    { title: 'Incoming response size', unit: 'bytes', queries: quantiles(`${RECEIVED},${IN}`, 'istio_response_bytes') },
    {
      title: 'Outgoing requests by destination and response code',
      unit: 'reqps',
      queries: {
        '{{destination_service}}: {{response_code}}': rate(
          `${SENT},${OUT}`,
          undefined,
          'destination_service, response_code',
        ),
      },
    },
    {
      title: 'Outgoing success rate',
      unit: 'percentunit',
      queries: { '{{destination_service}}': success(`${SENT},${OUT}`, 'destination_service') },
    },
    { title: 'Outgoing latency', unit: 'ms', queries: quantiles(`${SENT},${OUT}`, DURATION, 'destination_service') },
    {
      title: 'TCP bytes sent and received',
      unit: 'Bps',
      queries: {
        sent: orNone(rate(`${RECEIVED},${IN}`, 'istio_tcp_sent_bytes_total')),
        received: orNone(rate(`${RECEIVED},${IN}`, 'istio_tcp_received_bytes_total')),
      },
    },
  ],
};

const CONTROL_PLANE: Dashboard = {
  title: 'Control plane',
  uid: 'topsail-control-plane',
  variables: {},
  panels: [
    { title: 'Versions', type: 'stat', queries: { '{{version}}': 'sum(pilot_info) by (version)' } },
    { title: 'Connected proxies', type: 'stat', queries: { proxies: 'sum(pilot_xds)' } },
    { title: 'Pushes', unit: 'ops', queries: { '{{type}}': `sum(rate(pilot_xds_pushes${R})) by (type)` } },
    {
      title: 'From change to proxies',
      unit: 's',
      queries: Object.fromEntries(
        [0.5, 0.9, 0.99].map((q) => [
          `p${q * 100}`,
          `histogram_quantile(${q}, sum(pilot_proxy_convergence_time_bucket) by (le))`,
        ]),
      ),
    },
    {
      title: 'Rejected configuration',
      queries: {
        clusters: 'sum(pilot_xds_cds_reject)',
        endpoints: 'sum(pilot_xds_eds_reject)',
        listeners: 'sum(pilot_xds_lds_reject)',
        routes: 'sum(pilot_xds_rds_reject)',
      },
    },
    { title: 'Lagging proxies', type: 'stat', queries: { lagging: 'sum(topsail_lagging_proxies)' } },
    {
      title: 'Services and routes',
      queries: { services: 'avg(pilot_services)', 'virtual services': 'avg(pilot_virt_services)' },
    },
    {
      title: 'Certificates',
      queries: {
        requests: `sum(rate(citadel_server_csr_count${R}))`,
        issued: `sum(rate(citadel_server_success_cert_issuance_count${R}))`,
        refused: `sum(rate(citadel_server_authentication_failure_count${R}))`,
      },
    },
    {
      title: 'Root certificate expires in',
      type: 'stat',
      unit: 's',
      queries: { left: 'min(citadel_server_root_cert_expiry_timestamp) - time()' },
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: { '{{pod}}': 'sum(process_resident_memory_bytes{app="istiod"}) by (pod)' },
    },
    { title: 'CPU', queries: { '{{pod}}': `sum(rate(process_cpu_seconds_total{app="istiod"}${R})) by (pod)` } },
    { title: 'Up since', type: 'stat', unit: 's', queries: { up: 'max(istiod_uptime_seconds)' } },
  ],
};

const PROXIES = 'app!="istiod"';
const PERFORMANCE: Dashboard = {
  title: 'Performance',
  uid: 'topsail-performance',
  variables: {},
  panels: [
    {
      title: 'Proxies: cores for 1,000 requests/s',
      queries: {
        cores: `sum(rate(process_cpu_seconds_total{${PROXIES}}${R})) / (sum(rate(istio_requests_total${R})) / 1000)`,
      },
    },
    {
      title: 'Proxies: CPU',
      queries: { '{{pod}}': `sum(rate(process_cpu_seconds_total{${PROXIES}}${R})) by (pod)` },
    },
    {
      title: 'Proxies: memory',
      unit: 'bytes',
      queries: { '{{pod}}': `sum(process_resident_memory_bytes{${PROXIES}}) by (pod)` },
    },
    {
      title: 'Bytes through the mesh',
      unit: 'Bps',
      queries: {
        responses: `sum(rate(istio_response_bytes_sum{${SENT}}${R}))`,
        requests: `sum(rate(istio_request_bytes_sum{${SENT}}${R}))`,
      },
    },
    {
      title: 'Added by the mesh: client’s time less server’s',
      unit: 'ms',
      queries: {
        mean: `sum(rate(${DURATION}_sum{${SENT}}${R})) / sum(rate(${DURATION}_count{${SENT}}${R})) - sum(rate(${DURATION}_sum{${RECEIVED}}${R})) / sum(rate(${DURATION}_count{${RECEIVED}}${R}))`,
      },
    },
    {
      title: 'Series of each proxy',
      queries: { '{{pod}}': 'count({__name__=~"istio_.*"}) by (pod)' },
    },
    {
      title: 'Spans lost and log lines lost',
      queries: {
        spans: 'sum(envoy_tracing_spans_dropped)',
        lines: 'sum(envoy_access_log_lines_dropped)',
      },
    },
  ],
};

export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  mesh: MESH,
  service: SERVICE,
  workload: WORKLOAD,
  'control-plane': CONTROL_PLANE,
  performance: PERFORMANCE,
};
