// Chooses a port's protocol: appProtocol first, then the name's prefix (pkg/config/kube/conversion.go, inventory §3.5).

import type { PortProtocolName } from '#base';
import type { PortProtocol } from './model.ts';

const BY_NAME: Readonly<Record<PortProtocolName, PortProtocol>> = {
  http: 'HTTP',
  http2: 'HTTP2',
  grpc: 'GRPC',
  'grpc-web': 'GRPC-Web',
  https: 'HTTPS',
  tls: 'TLS',
  tcp: 'TCP',
  udp: 'UDP',
  mongo: 'Mongo',
  redis: 'Redis',
  mysql: 'MySQL',
  http_proxy: 'HTTP_PROXY',
};

const BY_APP_PROTOCOL: Readonly<Record<string, PortProtocol>> = {
  'kubernetes.io/h2c': 'HTTP2',
  'kubernetes.io/ws': 'HTTP',
  'kubernetes.io/wss': 'HTTPS',
};

export function protocolFromName(text: string): PortProtocol | undefined {
  const names: Readonly<Record<string, PortProtocol>> = BY_NAME;
  return names[text.toLowerCase()];
}

export function selectProtocol(port: {
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  /** The transport: TCP, UDP or SCTP. */
  readonly transport?: string | undefined;
}): PortProtocol {
  if (port.transport === 'UDP') return 'UDP';
  if (port.appProtocol !== undefined) {
    const known = BY_APP_PROTOCOL[port.appProtocol] ?? protocolFromName(port.appProtocol);
    if (known !== undefined) return known;
  }
  const name = (port.name ?? '').toLowerCase();
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'GRPC-Web';
  const dash = name.indexOf('-');
  return protocolFromName(dash < 0 ? name : name.slice(0, dash)) ?? 'Unsupported';
}
