// istiod's debug and monitoring pages, on 15014: what the control plane knows and what it sent.
import { type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { Mesh } from './mesh.ts';
import type { ProxyJson } from './api-json.ts';

const PAGES: Readonly<Record<string, string>> = {
  syncz: 'Synchronization status of all proxies',
  configz: 'Configuration objects in force',
  registryz: 'Services',
  endpointz: 'Endpoints of all services',
  config_dump: 'Resources of one proxy: ?proxyID=NAME.NAMESPACE',
};

export interface DebugSource extends Pick<Mesh, 'proxies' | 'objects' | 'proxyConfig'> {
  services(): readonly unknown[];
  endpoints(): readonly unknown[];
  /** Prometheus text. */
  metrics(): string;
  /** True once the first snapshot exists. */
  ready(): boolean;
  readonly version: string;
}

export function debugRoutes(source: DebugSource): readonly HttpRoute[] {
  const get = (path: string, answer: HttpRoute['answer']): HttpRoute => ({ method: 'GET', path, answer });
  const list = {
    type: 'text/plain; charset=utf-8',
    body: Object.entries(PAGES)
      .map(([name, text]) => `/debug/${name.padEnd(14)} ${text}\n`)
      .join(''),
  };
  return [
    get('/ready', () => ({
      status: source.ready() ? 200 : 503,
      type: 'text/plain',
      body: source.ready() ? 'ready\n' : 'no configuration yet\n',
    })),
    get('/version', () => ({ type: 'text/plain', body: `${source.version}\n` })),
    get('/metrics', () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', body: source.metrics() })),
    get('/debug', () => list),
    get('/debug/list', () => list),
    get('/debug/syncz', () => jsonAnswer(source.proxies().map(syncz))),
    get('/debug/configz', async () =>
      jsonAnswer(
        (await source.objects({ kind: undefined, namespace: undefined, name: undefined })).filter(
          (one) => one.kind !== 'Secret',
        ),
      ),
    ),
    get('/debug/registryz', () => jsonAnswer(source.services())),
    get('/debug/endpointz', () => jsonAnswer(source.endpoints())),
    get('/debug/config_dump', (asked) => configDump(source, asked)),
  ];
}

async function configDump(source: DebugSource, asked: HttpAsked) {
  const name = asked.query.get('proxyID') ?? '';
  if (name === '') return jsonAnswer({ error: 'say which proxy: ?proxyID=NAME.NAMESPACE' }, 400);
  const config = await source.proxyConfig(name);
  return config === undefined
    ? jsonAnswer({ error: `no connected proxy is called ${name}` }, 404)
    : jsonAnswer({ configs: config });
}

function syncz(proxy: ProxyJson): Record<string, unknown> {
  const status = (type: string): string => proxy.types[type] ?? 'NOT SENT';
  return {
    cluster_id: 'Kubernetes',
    proxy: `${proxy.name}.${proxy.namespace}`,
    proxy_type: proxy.type,
    istio_version: proxy.version,
    cluster_status: status('CDS'),
    listener_status: status('LDS'),
    route_status: status('RDS'),
    endpoint_status: status('EDS'),
    extensionconfig_status: status('ECDS'),
  };
}
