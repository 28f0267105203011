// What a proxy itself says of its endpoints (health, ejections, load) and certificates, asked on its admin pages. Where they
// are not reachable from the control plane (in pods), that is said. Only known fields of the right type are passed on.
import { type HttpCaller, type HttpRoute, jsonAnswer } from '#base';
import type { ProxyJson } from './api-json.ts';
import type { CertificateJson, LiveEndpointJson, ProxyLiveJson } from './dashboard-json.ts';

const TIMEOUT_MS = 2_000;
const ENDPOINTS_MAX = 5_000;
const NOWHERE: ProxyLiveJson = { reachable: false, endpoints: [], certificates: [] };

type Json = Readonly<Record<string, unknown>>;

export function proxyLiveRoutes(proxies: () => readonly ProxyJson[], call: HttpCaller): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/proxies/:name/live',
      answer: async ({ params: { name = '' } }) => {
        const proxy = proxies().find((one) => one.id === name || `${one.name}.${one.namespace}` === name);
        return jsonAnswer(proxy === undefined || proxy.adminPort === 0 ? NOWHERE : await ask(proxy, call));
      },
    },
  ];
}

async function ask({ adminPort, name, namespace }: ProxyJson, call: HttpCaller): Promise<ProxyLiveJson> {
  const target = { host: '127.0.0.1', port: adminPort };
  const get = async (path: string): Promise<Json | undefined> => {
    const answer = await call({ target, method: 'GET', path, timeoutMs: TIMEOUT_MS });
    return answer?.status === 200 ? parse(answer.body) : undefined;
  };
  const [clusters, certs] = await Promise.all([get('/clusters?format=json'), get('/certs')]);
  if (clusters === undefined) return NOWHERE;
  return {
    reachable: true,
    endpoints: list(clusters['cluster_statuses']).flatMap(endpointsOf).slice(0, ENDPOINTS_MAX),
    certificates: list(certs?.['certificates']).flatMap((one) => certificatesOf(one, name, namespace)),
  };
}

function endpointsOf(cluster: Json): readonly LiveEndpointJson[] {
  return list(cluster['host_statuses']).map((host) => {
    const socket = record(record(host['address'])['socket_address']);
    const health = record(host['health_status']);
    const stats = new Map(list(host['stats']).map((one) => [text(one['name']), Number(one['value'] ?? 0)]));
    return {
      cluster: text(cluster['name']),
      address: `${text(socket['address'])}:${Number(socket['port_value'] ?? 0)}`,
      ejected: health['failed_outlier_check'] === true,
      failedHealthCheck: health['failed_active_health_check'] === true,
      requests: stats.get('rq_total') ?? 0,
      errors: stats.get('rq_error') ?? 0,
      active: stats.get('rq_active') ?? 0,
      connections: stats.get('cx_active') ?? 0,
    };
  });
}

function certificatesOf(one: Json, workload: string, namespace: string): readonly CertificateJson[] {
  const read = (role: CertificateJson['role'], all: unknown): readonly CertificateJson[] =>
    list(all).map((certificate) => ({
      role,
      subject: text(record(list(certificate['subject_alt_names'])[0])['uri']) || text(certificate['path']),
      workload,
      namespace,
      serial: text(certificate['serial_number']),
      notBeforeMs: Date.parse(text(certificate['valid_from'])) || 0,
      notAfterMs: Date.parse(text(certificate['expiration_time'])) || 0,
    }));
  return [...read('own', one['cert_chain']), ...read('root', one['ca_cert'])];
}

function parse(body: string): Json | undefined {
  try {
    return record(JSON.parse(body));
  } catch {
    return undefined;
  }
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
