// The protocols that the name of a port may begin with (Istio's protocol selection, pkg/config/kube/conversion.go).

export const PORT_PROTOCOLS = [
  'http',
  'http2',
  'grpc',
  'grpc-web',
  'https',
  'tls',
  'tcp',
  'udp',
  'mongo',
  'redis',
  'mysql',
  'http_proxy',
] as const;

export type PortProtocolName = (typeof PORT_PROTOCOLS)[number];
