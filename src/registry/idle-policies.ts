// RateLimits and AuthorizationPolicies that are in force nowhere, because nobody is what they name, and RateLimits by claims that nobody verifies:
// told of what runs at this moment, so that a finding goes when its workload comes.

import { nearest } from '#base';
import type { ConfigView } from '#config';
import { type Condition, condition } from './errors.ts';
import type { AuthorizationPolicy, RateLimit } from './kinds.ts';
import {
  GATEWAY_GROUP,
  GATEWAY_NAME,
  isForWorkload,
  type ProxyIdentity,
  requestAuthenticationsOf,
} from './policies.ts';
import { labelsMatch } from './visibility.ts';

type Policy = RateLimit | AuthorizationPolicy;

/** Labels that a misspelled one is compared with. */
const MOST_COMPARED = 1000;

/** `running`: every workload and gateway that is known. Without any the mesh is only starting, and nothing is said. */
export function idlePolicies(
  config: ConfigView,
  running: Iterable<ProxyIdentity>,
  rootNamespace: string,
): readonly Condition[] {
  const limits = config.list('RateLimit');
  const policies: readonly Policy[] = [...limits, ...config.list('AuthorizationPolicy')];
  const all = policies.length === 0 ? [] : [...running];
  if (all.length === 0) return [];
  return [
    ...policies.flatMap((policy) => [
      ...unmatchedSelector(policy, all, rootNamespace),
      ...missingGateways(policy, all, config),
    ]),
    ...limits.flatMap((limit) => unverifiedClaims(limit, all, config, rootNamespace)),
  ];
}

function unmatchedSelector(policy: Policy, all: readonly ProxyIdentity[], rootNamespace: string): readonly Condition[] {
  const { namespace } = policy.metadata;
  const wanted = policy.spec.selector?.matchLabels ?? {};
  const pairs = Object.entries(wanted).map(([name, value]) => `${name}=${value}`);
  const everywhere = namespace === rootNamespace;
  const near = everywhere ? all : all.filter((one) => one.namespace === namespace);
  if (pairs.length === 0 || near.some(({ labels }) => labelsMatch(wanted, labels))) return [];
  const elsewhere = all.find(({ labels }) => labelsMatch(wanted, labels))?.namespace;
  const details = {
    path: 'spec.selector.matchLabels',
    where: everywhere ? 'the mesh' : `namespace ${namespace}`,
    labels: pairs.join(', '),
    elsewhere: elsewhere === undefined ? '' : `, though one of namespace ${elsewhere} has`,
  };
  return [condition('TS-REG-026', policy, details, elsewhere === undefined ? nearestLabel(pairs, near) : undefined)];
}

/** The label of theirs that is nearest to the first one that none of them has. */
function nearestLabel(wanted: readonly string[], near: readonly ProxyIdentity[]): string | undefined {
  const known = new Set<string>();
  for (const { labels } of near) {
    for (const [name, value] of Object.entries(labels)) known.add(`${name}=${value}`);
    if (known.size >= MOST_COMPARED) break;
  }
  const wrong = wanted.find((pair) => !known.has(pair));
  return wrong === undefined ? undefined : nearest(wrong, known);
}

/** Targets of the Gateway API: what runs has their label, and what was made of a Gateway selects it. */
function missingGateways(policy: Policy, all: readonly ProxyIdentity[], config: ConfigView): readonly Condition[] {
  const { metadata, spec } = policy;
  const refs = [
    ...(spec.targetRef === undefined ? [] : [{ ref: spec.targetRef, path: 'spec.targetRef.name' }]),
    ...(spec.targetRefs ?? []).map((ref, i) => ({ ref, path: `spec.targetRefs[${i}].name` })),
  ].filter(({ ref }) => ref.group === GATEWAY_GROUP && ref.kind === 'Gateway');
  if (refs.length === 0) return [];
  const names = new Set([
    ...all.filter((one) => one.namespace === metadata.namespace).map(({ labels }) => labels[GATEWAY_NAME]),
    ...config.list('Gateway', metadata.namespace).map((gateway) => gateway.spec.selector?.[GATEWAY_NAME]),
  ]);
  names.delete(undefined);
  return refs
    .filter(({ ref }) => !names.has(ref.name))
    .map(({ ref, path }) =>
      condition(
        'TS-REG-025',
        policy,
        { path, gateway: `${metadata.namespace}/${ref.name}` },
        nearest(
          ref.name,
          [...names].flatMap((name) => name ?? []),
        ),
      ),
    );
}

/** Without a verified token all callers share the bucket of those who have none. */
function unverifiedClaims(
  limit: RateLimit,
  all: readonly ProxyIdentity[],
  config: ConfigView,
  rootNamespace: string,
): readonly Condition[] {
  const { metadata, spec } = limit;
  const claims = spec.rules.flatMap((rule, i) =>
    (rule.by ?? []).flatMap(({ claim }, j) =>
      claim === undefined ? [] : [{ rule: rule.name, claim, path: `spec.rules[${i}].by[${j}].claim` }],
    ),
  );
  if (claims.length === 0) return [];
  const limited = all.filter(
    (one) =>
      (metadata.namespace === rootNamespace || metadata.namespace === one.namespace) &&
      isForWorkload(spec, metadata.namespace, one, rootNamespace),
  );
  const verified = limited.some((one) =>
    requestAuthenticationsOf(config, one, rootNamespace).some(({ spec: { jwtRules } }) => (jwtRules ?? []).length > 0),
  );
  // For whom it is in force nowhere, that is what is told.
  if (limited.length === 0 || verified) return [];
  return claims.map((details) => condition('TS-REG-027', limit, details));
}
