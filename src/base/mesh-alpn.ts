// Application protocols of mutual TLS inside a mesh, as Istio's proxies name them (inventory §3.3, §3.7; design §3e).

/** Whoever agrees on it sends its metadata ahead of the bytes. Not spoken here, so neither offered nor chosen: its frame would reach the application. */
export const METADATA_EXCHANGE = 'istio-peer-exchange';

/** What Istio's filter `istio.alpn` offers in place of the cluster's list, by the protocol of a request. */
export const HTTP_ALPN = {
  h1: ['istio-http/1.1', 'istio', 'http/1.1'],
  h2: ['istio-h2', 'istio', 'h2'],
} as const;
