// Where a client's traffic goes by locality (Istio's localityLbSetting): shares that `distribute` gives, or priorities by
// distance, by `failover` regions, or by the labels of `failoverPriority`. Priorities need outlier detection, which a named failover brings along.

import type { LocalityLb } from '#config';
import type { Endpoint, Locality } from '#registry';

export interface LocalityPlan {
  /** Endpoints of one group share locality and priority. */
  readonly kind: 'distribute' | 'priority';
  /** Share of 100 for the locality; undefined = it gets nothing. */
  share(locality: Locality): { readonly rule: string; readonly percent: number } | undefined;
  /** The lower, the earlier; gaps are closed later. */
  distance(endpoint: Endpoint): number;
}

export interface PlanInput {
  readonly setting: LocalityLb | undefined;
  /** Cluster's policy has outlier detection. */
  readonly outlier: boolean;
  readonly near: Locality;
  readonly labels: Readonly<Record<string, string>>;
}

/** Undefined: all endpoints are equal. */
export function localityPlan({ setting, outlier, near, labels }: PlanInput): LocalityPlan | undefined {
  if (setting?.enabled === false) return undefined;
  const rule = setting?.distribute?.find(({ from }) => covers(from ?? '', near));
  if (rule !== undefined && near.region !== '') {
    const targets = Object.entries(rule.to ?? {});
    return { kind: 'distribute', share: (locality) => shareOf(targets, locality), distance: () => 0 };
  }
  if (!outlier) return undefined;
  const wanted = setting?.failoverPriority ?? [];
  if (wanted.length > 0)
    return {
      kind: 'priority',
      share: () => undefined,
      distance: (endpoint) => labelDistance(wanted, labels, endpoint.labels),
    };
  if (near.region === '') return undefined;
  const next = setting?.failover?.find(({ from }) => from === near.region)?.to;
  return { kind: 'priority', share: () => undefined, distance: ({ locality }) => regionDistance(near, locality, next) };
}

function shareOf(
  targets: readonly (readonly [string, number])[],
  locality: Locality,
): { readonly rule: string; readonly percent: number } | undefined {
  // The most exact target first, as longer patterns are.
  let best: { rule: string; percent: number } | undefined;
  for (const [rule, percent] of targets)
    if (covers(rule, locality) && (best === undefined || rule.length > best.rule.length)) best = { rule, percent };
  return best;
}

/** "region/zone/subzone"; what is left out, or `*`, is any. */
function covers(pattern: string, { region, zone, subZone }: Locality): boolean {
  const parts = pattern.split('/');
  return [region, zone, subZone].every((value, i) => parts[i] === undefined || parts[i] === '*' || parts[i] === value);
}

/** Same sub-zone, zone, region, the region to fail over to, elsewhere. */
function regionDistance(near: Locality, place: Locality, next: string | undefined): number {
  if (place.region !== near.region) return place.region === next ? 3 : 4;
  if (place.zone !== near.zone) return 2;
  return place.subZone === near.subZone ? 0 : 1;
}

/** Labels count from the first on, until one differs. "key=value" asks for that value instead of the client's. */
function labelDistance(
  wanted: readonly string[],
  client: Readonly<Record<string, string>>,
  endpoint: Readonly<Record<string, string>>,
): number {
  const matched = wanted.findIndex((text) => {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? client[key] : text.slice(equals + 1);
    return endpoint[key] !== value;
  });
  return matched < 0 ? 0 : wanted.length - matched;
}
