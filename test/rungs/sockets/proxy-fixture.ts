// A proxy and its applications in this process, over real sockets on free ports.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SecretSource } from '../../../src/identity/secret-source.ts';
import { silentLogger } from '../../../src/base/index.ts';
import { SystemClock, SystemNet, SystemRandom } from '../../../src/io/index.ts';
import { type ProxyHandle, type StartProxyOptions, startProxy } from '../../../src/main/proxy.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';

export interface App {
  readonly port: number;
  readonly server: Server;
  close(): void;
}

export async function startApp(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
): Promise<App> {
  const server = createServer(handle);
  // A connection that rests while the machine stands still must not end just when it is used again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const TYPE = 'type.googleapis.com';
const HCM = `${TYPE}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`;

export const routerFilter = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': `${TYPE}/envoy.extensions.filters.http.router.v3.Router` },
};

export function managerFilter(routes: readonly object[], extra: object = {}): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': HCM,
      stat_prefix: 'test',
      // Clusters of some tests come later.
      route_config: { name: 'r', validate_clusters: false, virtual_hosts: [{ name: 'v', domains: ['*'], routes }] },
      http_filters: [routerFilter],
      ...extra,
    },
  };
}

/** Passes bytes on to the cluster `app`, unless `extra` names another. */
export function tcpFilter(extra: object = {}): object {
  return {
    name: 'tcp',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 't',
      cluster: 'app',
      ...extra,
    },
  };
}

export function listener(name: string, chains: readonly object[], extra: object = {}): object {
  return { name, address: address(0), filter_chains: chains, ...extra };
}

export function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

export function cluster(name: string, ports: readonly number[], extra: object = {}): object {
  return {
    name,
    type: 'STATIC',
    // A connection on this machine is there at once, but a busy machine may notice it late.
    connect_timeout: '60s',
    ...extra,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }],
    },
  };
}

const noSecrets: SecretSource = { subscribe: () => () => {} };

export interface RunningProxy {
  readonly handle: ProxyHandle;
  port(listener: string): number;
  close(): void;
}

export async function runProxy(
  listeners: readonly object[],
  clusters: readonly object[],
  secrets: SecretSource = noSecrets,
  extra: Partial<StartProxyOptions> = {},
): Promise<RunningProxy> {
  const handle = await startProxy({
    bootstrap: await readBootstrap(JSON.stringify({ static_resources: { listeners, clusters } })),
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets,
    ...extra,
  });
  return { handle, port: (name) => handle.addresses().get(name)?.[0]?.port ?? 0, close: () => handle.close() };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export async function fetchText(
  port: number,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const r = request(
      { host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (body += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on('error', reject);
      },
    );
    r.on('error', reject);
    r.end(options.body);
  });
}
