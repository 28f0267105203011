// The mesh of the control-plane benchmark as Kubernetes objects: services of endpoints over namespaces, one VirtualService that changes.
import type { KubeObject } from '#kube';

export interface Size {
  readonly services: number;
  readonly endpoints: number;
  readonly namespaces: number;
}

export const PORT = 80;

export function namespaceOf(i: number, size: Size): string {
  return `bench-${i % size.namespaces}`;
}

export function serviceObject(i: number, size: Size): KubeObject {
  const metadata = { name: `svc-${i}`, namespace: namespaceOf(i, size), labels: { app: `svc-${i}` } };
  return {
    metadata,
    spec: {
      selector: { app: `svc-${i}` },
      ports: [{ name: 'http', port: PORT, targetPort: 8080, protocol: 'TCP' }],
      clusterIP: `10.96.${16 + (i >> 8)}.${i & 255}`,
    },
  };
}

/** `version` moves the first endpoint. */
export function sliceObject(i: number, size: Size, version = 0): KubeObject {
  const metadata = {
    name: `svc-${i}-a`,
    namespace: namespaceOf(i, size),
    labels: { 'kubernetes.io/service-name': `svc-${i}` },
  };
  const endpoints = Array.from({ length: size.endpoints }, (_, e) => ({
    addresses: [
      e === 0 && version > 0 ? `10.200.${version >> 8}.${version & 255}` : `10.${100 + (i >> 8)}.${i & 255}.${e + 1}`,
    ],
    conditions: { ready: true, serving: true, terminating: false },
  }));
  return { metadata, addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints };
}

export function virtualServiceObject(size: Size, version: number): KubeObject {
  const host = 'svc-1';
  return {
    metadata: { name: 'changing', namespace: namespaceOf(1, size), generation: version + 1 },
    spec: {
      hosts: [host],
      http: [
        { match: [{ uri: { prefix: `/v${version}/` } }], timeout: '3s', route: [{ destination: { host } }] },
        { route: [{ destination: { host } }] },
      ],
    },
  };
}
