// One consistent, immutable, numbered picture of the mesh: all that translation may read.

import type { ConfigView } from '#config';
import type {
  Condition,
  DestinationRuleIndex,
  EndpointIndex,
  MeshSettings,
  PeerAuthenticationIndex,
  ResolvedVirtualService,
  ServiceIndex,
  Subset,
  TrafficPolicy,
  VirtualServiceIndex,
  WasmPlugin,
} from '#registry';
import type { ObjectRef } from '#base';

/** A subset that no rule defines any more while a route still refers to it: it keeps its former meaning. */
export interface RetainedSubset {
  readonly host: string;
  readonly subset: Subset;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly origins: readonly ObjectRef[];
}

/** Last good references, by `subsetKey` and by VirtualService key. Input of the next build: keep it to survive a restart. */
export interface Retained {
  readonly subsets: ReadonlyMap<string, RetainedSubset>;
  /** What a VirtualService said before it referred to a subset that never existed. */
  readonly virtualServices: ReadonlyMap<string, ResolvedVirtualService>;
}

/** A WasmPlugin whose module is settled. While that of a newer text is fetched, the former text stays in force with its module. */
export interface SettledPlugin {
  readonly plugin: WasmPlugin;
  /** Undefined: there is none to be had, and `failStrategy` decides. */
  readonly module: { readonly code: Uint8Array; readonly sha256: string } | undefined;
  /** What is wrong with the newest text's module; undefined when all is well. */
  readonly problem: string | undefined;
}

/** By key of the object. Those that are absent wait for their module. */
export type SettledPlugins = ReadonlyMap<string, SettledPlugin>;

export interface Snapshot {
  /** Grows by one with every change that proxies may see. */
  readonly number: number;
  /** Number of the latest snapshot whose configuration differed: endpoint-only successors share it. */
  readonly configNumber: number;
  /** A new object for every `configNumber`: what was derived from it may be kept as long as it lives. */
  readonly epoch: object;
  readonly config: ConfigView;
  readonly mesh: MeshSettings;
  readonly domain: string;
  readonly services: ServiceIndex;
  readonly endpoints: EndpointIndex;
  readonly destinationRules: DestinationRuleIndex;
  readonly virtualServices: VirtualServiceIndex;
  readonly peerAuthentications: PeerAuthenticationIndex;
  /** Set while senders may still act on the former modes: receivers then accept both (`receivingMode`). */
  readonly formerPeerAuthentications: PeerAuthenticationIndex | undefined;
  readonly retained: Retained;
  /** Key sets that were fetched for RequestAuthentications, by where they came from; the same object until one differs. */
  readonly keySets: ReadonlyMap<string, string>;
  /** Modules that were fetched for WasmPlugins; the same object until one differs. */
  readonly plugins: SettledPlugins;
  /** Findings across objects; each names its object. */
  readonly conditions: readonly Condition[];
}

export const NOTHING_RETAINED: Retained = { subsets: new Map(), virtualServices: new Map() };

export function subsetKey(host: string, subset: string): string {
  return `${host}|${subset}`;
}
