// Reads a transport_socket into the transport that it means.

import type { TransportSocket } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { ProxyProtocolUpstreamTransport } from '#proto/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import type { UpstreamTlsContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { decodeMessage, typeNameOf } from '../apply/decode.ts';
import { unknownExtension } from '../apply/extensions.ts';
import { ConfigError } from '../errors.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { ProxyProtocolTransport } from './proxy-protocol-transport.ts';
import { TlsTransport } from './tls-transport.ts';
import { type ClosableTransport, PlainTransport } from './transport.ts';

const PROXY_PROTOCOL = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

export function makeTransport(
  socket: TransportSocket | undefined,
  cluster: Cluster,
  services: ProxyServices,
  field: string,
): ClosableTransport {
  if (socket === undefined) return new PlainTransport(services.net, () => cluster.poolSettings);
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  switch (config === undefined ? '' : typeNameOf(config.typeUrl)) {
    case 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer':
      return new PlainTransport(services.net, () => cluster.poolSettings);
    case 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext':
      return new TlsTransport(
        decodeMessage<UpstreamTlsContext>(config?.typeUrl as string, config?.value as Uint8Array, field),
        cluster,
        services,
        field,
      );
    case PROXY_PROTOCOL:
      return withProxyHeader(
        decodeMessage<ProxyProtocolUpstreamTransport>(PROXY_PROTOCOL, config?.value as Uint8Array, field),
        cluster,
        services,
        field,
      );
    default:
      throw new ConfigError('proxy.field-invalid', field, unknownExtension(socket.name, config?.typeUrl ?? ''));
  }
}

function withProxyHeader(
  config: ProxyProtocolUpstreamTransport,
  cluster: Cluster,
  services: ProxyServices,
  field: string,
): ClosableTransport {
  const inner = config.transportSocket;
  if (inner === undefined) throw new ConfigError('proxy.field-required', `${field}.transport_socket`);
  if (inner.configType.case === 'typedConfig' && typeNameOf(inner.configType.value.typeUrl) === PROXY_PROTOCOL)
    throw new ConfigError('proxy.unsupported', `${field}.transport_socket`, 'one PROXY header is enough');
  return new ProxyProtocolTransport(
    makeTransport(inner, cluster, services, `${field}.transport_socket`),
    config.config,
  );
}
