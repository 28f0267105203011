// What the mesh knows of services, workloads and endpoints: frozen values whose identity changes only when they do.

import type { ObjectRef } from '#base';

/** Istio's protocols (inventory §3.5); `Unsupported` = not declared, found out by looking at the first bytes. */
export type PortProtocol =
  | 'HTTP'
  | 'HTTP_PROXY'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-Web'
  | 'HTTPS'
  | 'TLS'
  | 'TCP'
  | 'Mongo'
  | 'Redis'
  | 'MySQL'
  | 'UDP'
  | 'Unsupported';

export interface ServicePort {
  readonly number: number;
  readonly name: string;
  readonly protocol: PortProtocol;
  /** Number or name of the workload's port. */
  readonly targetPort: number | string;
}

/** static: endpoints come by EDS; none: the original destination is dialled as it is. */
export type Resolution = 'static' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'none';

export interface Service {
  readonly hostname: string;
  readonly namespace: string;
  /** Name of the object that defines it. */
  readonly name: string;
  readonly registry: 'Kubernetes' | 'External';
  readonly ports: readonly ServicePort[];
  readonly resolution: Resolution;
  readonly headless: boolean;
  /** Declared or allocated virtual addresses; CIDR ranges as written. Empty for headless ones. */
  readonly addresses: readonly string[];
  /** True when `addresses` were allocated by us. */
  readonly allocated: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Labels that a workload must carry; undefined = endpoints are listed explicitly. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** `*`, `.`, `~` or namespaces. */
  readonly exportTo: readonly string[];
  readonly meshExternal: boolean;
  /** What an ExternalName is another name of; undefined for all others. */
  readonly externalName: string | undefined;
  readonly subjectAltNames: readonly string[];
  readonly createdMs: number;
  readonly origin: ObjectRef;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** A running program that services may select: WorkloadEntry, or a pod. */
export interface Workload {
  /** `Kind namespace/name`, unique. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  /** IP address, DNS name, or unix:// path; '' when only a network is known. */
  readonly address: string;
  /** Port name -> the workload's (declared) port. */
  readonly ports: Readonly<Record<string, number>>;
  /** Declared port -> port that clients dial, where a sidecar in interception mode NONE listens for it. */
  readonly boundPorts: ReadonlyMap<number, number>;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly network: string;
  readonly locality: Locality;
  readonly weight: number;
  /** A mesh proxy stands before it, as it says of itself. */
  readonly tlsMode: 'istio' | 'disabled';
  /** Known to have no proxy, by more than its own word: no PeerAuthentication can be in force there. */
  readonly outside: boolean;
  readonly healthy: boolean;
  readonly cluster: string;
  readonly origin: ObjectRef;
}

export interface Endpoint {
  readonly address: string;
  /** The same pod's of the other family; '' when it has none. */
  readonly secondAddress: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly network: string;
  readonly locality: Locality;
  readonly weight: number;
  readonly tlsMode: 'istio' | 'disabled';
  /** Of its workload; also what is no pod and no WorkloadEntry, as the API server is. */
  readonly outside: boolean;
  readonly health: 'healthy' | 'unhealthy' | 'draining';
  readonly workloadName: string;
  /** The workload's own (declared) port: what PeerAuthentication's port-level modes mean. */
  readonly declaredPort: number;
  readonly cluster: string;
}

/** Endpoints of one service by port number; a new object whenever one of them changes. */
export interface ServiceEndpoints {
  readonly byPort: ReadonlyMap<number, readonly Endpoint[]>;
}

export const NO_LOCALITY: Locality = { region: '', zone: '', subZone: '' };

/** Key of a service in every index: the same host may exist in several namespaces. */
export function serviceKey(service: { readonly namespace: string; readonly hostname: string }): string {
  return `${service.namespace}/${service.hostname}`;
}

export function isHttp(protocol: PortProtocol): boolean {
  return (
    protocol === 'HTTP' ||
    protocol === 'HTTP2' ||
    protocol === 'GRPC' ||
    protocol === 'GRPC-Web' ||
    protocol === 'HTTP_PROXY'
  );
}

export function isHttp2(protocol: PortProtocol): boolean {
  return protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';
}

export function isTls(protocol: PortProtocol): boolean {
  return protocol === 'HTTPS' || protocol === 'TLS';
}

/** Ports whose servers speak first: waiting for the client's bytes would hang (inventory §3.3). */
const SERVER_FIRST = new Set([25, 53, 3306, 27017]);

export function isSniffed(port: ServicePort): boolean {
  return port.protocol === 'Unsupported' && !SERVER_FIRST.has(port.number);
}
