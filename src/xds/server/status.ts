// How far each proxy is, for proxy-status, syncz and object statuses (design 6).
import type { ObjectRef, ProxyNode, XdsResource } from '#base';
import type { TypeState } from './type-state.ts';

export interface RejectStatus {
  readonly typeUrl: string;
  readonly name: string;
  readonly origins: readonly ObjectRef[];
  readonly detail: string;
}

export interface TypeSync {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly subscribed: number;
  readonly held: number;
  readonly versionSent: string;
  readonly versionAcked: string;
  readonly nonce: string;
  readonly outstanding: number;
  /** The client's last rejection; '' when nothing of this type is rejected. */
  readonly error: string;
  readonly errorAtMs: number;
}

export interface ProxySync {
  readonly node: ProxyNode;
  readonly variant: 'sotw' | 'delta';
  readonly connectedAtMs: number;
  /** The newest snapshot all of whose responses were acknowledged; -1 = none yet. */
  readonly watermark: number;
  /** The step whose acknowledgement is overdue; '' when none is. */
  readonly lagging: string;
  readonly types: readonly TypeSync[];
  readonly rejects: readonly RejectStatus[];
}

export interface Programmed {
  readonly total: number;
  readonly acked: number;
  readonly laggards: readonly { readonly node: string; readonly reason: string }[];
  readonly rejects: readonly {
    readonly node: string;
    readonly typeUrl: string;
    readonly name: string;
    readonly detail: string;
  }[];
}

export function proxySync(
  node: ProxyNode,
  states: Iterable<TypeState>,
  stream: Pick<ProxySync, 'variant' | 'connectedAtMs' | 'watermark' | 'lagging'>,
): ProxySync {
  const types: TypeSync[] = [];
  const rejects: RejectStatus[] = [];
  for (const state of states) {
    types.push({
      typeUrl: state.typeUrl,
      wildcard: state.subscription.wildcard,
      subscribed: state.subscription.names.size,
      held: state.held.size,
      versionSent: state.versionSent,
      versionAcked: state.versionAcked,
      nonce: state.lastNonce,
      outstanding: state.outstanding.length,
      error: state.rejected.size > 0 ? state.error : '',
      errorAtMs: state.errorAtMs,
    });
    for (const [name, { origins, detail }] of state.rejected)
      rejects.push({ typeUrl: state.typeUrl, name, origins, detail });
  }
  return { node, ...stream, types, rejects };
}

export function sameObject(a: ObjectRef, b: ObjectRef): boolean {
  return a.name === b.name && a.namespace === b.namespace && a.kind === b.kind;
}

/** Each object once. */
export function originsOf(resources: readonly XdsResource[]): readonly ObjectRef[] {
  const origins: ObjectRef[] = [];
  for (const resource of resources)
    for (const origin of resource.origins) if (!origins.some((o) => sameObject(o, origin))) origins.push(origin);
  return origins;
}
