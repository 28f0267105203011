// Calls to the server's sidecar as different workloads, and policies on it.
import type { Call } from './scenario.ts';

export const FRIEND = 'spiffe://cluster.local/ns/default/sa/client';
export const OTHER = 'spiffe://cluster.local/ns/other/sa/caller';
export const ALPN = ['istio-http/1.1', 'istio', 'http/1.1'];
export const as = (identity: string, more: Partial<Call> = {}): Call => ({
  via: 'server',
  tls: { identity, alpn: ALPN, sni: 'outbound_.8000_._.server.default.svc.cluster.local' },
  ...more,
});
export const plain = (more: Partial<Call> = {}): Call => ({ via: 'server', ...more });

export function policy(name: string, kind: string, spec: string, namespace = 'default'): string {
  const group =
    kind === 'PeerAuthentication' || kind === 'AuthorizationPolicy' || kind === 'RequestAuthentication'
      ? 'security.istio.io/v1'
      : '';
  return `apiVersion: ${group}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n---\n`;
}

/** A Gateway `edge` at the ingress gateway: plain HTTP for any host. */
export const EDGE_GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
`;

export const OK = { status: 200, backend: 'server' } as const;
export const DENIED = { status: 403, body: 'RBAC: access denied', arrivals: 0 } as const;
export const SELECT = 'selector: { matchLabels: { app: server } }';
