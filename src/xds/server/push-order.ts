// The order of a push (design 5): which types go together, and when removals come.
//
// Clusters (old and new), right behind them their endpoints and secrets → listeners and routes → what is gone.
// Envoy acknowledges clusters only when they are warm, so their endpoints must not wait for that.
// A client that names its clusters (gRPC) learns them from its routes: it gets everything at once,
// and removals when it no longer asks for what is gone. Listeners that go leave in the same
// response as those that come, because two may not hold one address.
import { TYPE_URL } from '#base';

export interface PushStep {
  readonly name: 'clusters' | 'listeners' | 'everything' | 'removals';
  readonly types: 'all' | ReadonlySet<string>;
  /** Resources that are gone are removed in this step. */
  readonly removes: (typeUrl: string) => boolean;
}

const CLUSTERS = new Set<string>([TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.secret]);
/** Others may still refer to these. */
const REFERRED = new Set<string>([TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.secret, TYPE_URL.route]);

const never = (): boolean => false;
/** A listener that drains still needs its filters: they go when nobody asks for them. */
const released = (typeUrl: string): boolean => typeUrl !== TYPE_URL.extensionConfig;
const unreferred = (typeUrl: string): boolean => !REFERRED.has(typeUrl) && released(typeUrl);

/** Order inside one step; types that are not named come last. */
const RANK: readonly string[] = [
  TYPE_URL.cluster,
  TYPE_URL.endpoint,
  TYPE_URL.secret,
  TYPE_URL.extensionConfig,
  TYPE_URL.listener,
  TYPE_URL.route,
  TYPE_URL.virtualHost,
];

export function pushSteps(wildcardClusters: boolean): readonly PushStep[] {
  if (!wildcardClusters) {
    return [
      { name: 'everything', types: 'all', removes: unreferred },
      { name: 'removals', types: 'all', removes: released },
    ];
  }
  return [
    { name: 'clusters', types: CLUSTERS, removes: never },
    { name: 'listeners', types: 'all', removes: unreferred },
    { name: 'removals', types: 'all', removes: released },
  ];
}

export function inStep(step: PushStep, typeUrl: string): boolean {
  if (step.types !== 'all') return step.types.has(typeUrl);
  return step.name !== 'listeners' || !CLUSTERS.has(typeUrl);
}

export function byRank(a: string, b: string): number {
  return rank(a) - rank(b);
}

function rank(typeUrl: string): number {
  const at = RANK.indexOf(typeUrl);
  return at < 0 ? RANK.length : at;
}
