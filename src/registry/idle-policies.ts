// What is in force nowhere because nobody is what it names: selectors that nobody has, targets that are no Gateway, and RateLimits by
// claims that nobody verifies. Told of what runs at this moment, so that a finding goes when its workload comes.

import { nearest } from '#base';
import { type ConfigObject, type ConfigView, type SpecOf, TARGETING_KINDS } from '#config';
import { type Condition, condition } from './errors.ts';
import type { RateLimit } from './kinds.ts';
import { LabelIndex } from './label-index.ts';
import { nearestLabel } from './nearest-label.ts';
import {
  type Choice,
  gatewayChoice,
  GATEWAY_GROUP,
  GATEWAY_NAME,
  type ProxyIdentity,
  requestAuthenticationsOf,
} from './policies.ts';
import { reachOf } from './reach.ts';

type Running = LabelIndex<ProxyIdentity>;

/** `all`: every workload and gateway that is known. Without any the mesh is only starting, and nothing is said. */
export function idlePolicies(
  config: ConfigView,
  all: Iterable<ProxyIdentity>,
  rootNamespace: string,
): readonly Condition[] {
  const selecting = [...selectorsOf(config, rootNamespace)];
  const targeting = TARGETING_KINDS.flatMap((kind) => config.list(kind)).filter(
    ({ spec }) => spec.targetRef !== undefined || (spec.targetRefs ?? []).length > 0,
  );
  const limits = config.list('RateLimit').filter((limit) => claimsOf(limit).length > 0);
  if (selecting.length + targeting.length + limits.length === 0) return [];
  const running: Running = new LabelIndex([...all]);
  if (running.all.length === 0) return [];
  return [
    ...selecting.flatMap((one) => unmatchedSelector(one, running)),
    ...targeting.flatMap((policy) => missingGateways(policy, running, config)),
    ...limits.flatMap((limit) => unverifiedClaims(limit, running, config, rootNamespace)),
  ];
}

/** A selector that names labels. */
interface Selecting {
  readonly object: ConfigObject;
  readonly path: string;
  readonly choice: Choice;
  /** Who is looked for, and what it means that there is none. */
  readonly who: string;
  readonly effect: string;
}

const SELECTING_KINDS = [...TARGETING_KINDS, 'PeerAuthentication'] as const;
const ANYBODY = { who: 'workload or gateway', effect: 'it is in force nowhere' };
const WORKLOAD = { ...ANYBODY, who: 'workload' };

function* selectorsOf(config: ConfigView, rootNamespace: string): Iterable<Selecting> {
  const reached = (object: ConfigObject, labels: Readonly<Record<string, string>> | undefined): readonly Choice[] =>
    Object.keys(labels ?? {}).length === 0 ? [] : reachOf(object, rootNamespace).choices;
  for (const kind of SELECTING_KINDS)
    for (const object of config.list(kind)) {
      const { targetRef, targetRefs } = object.spec as SpecOf<'AuthorizationPolicy'>;
      // With targets these are who it is for.
      if (targetRef !== undefined || (targetRefs ?? []).length > 0) continue;
      for (const choice of reached(object, object.spec.selector?.matchLabels))
        yield { object, path: 'spec.selector.matchLabels', choice, ...ANYBODY };
    }
  for (const object of config.list('Sidecar'))
    for (const choice of reached(object, object.spec.workloadSelector?.labels))
      yield { object, path: 'spec.workloadSelector.labels', choice, ...WORKLOAD };
  for (const object of config.list('DestinationRule'))
    for (const choice of reached(object, object.spec.workloadSelector?.matchLabels))
      yield { object, path: 'spec.workloadSelector.matchLabels', choice, ...ANYBODY };
  for (const object of config.list('Gateway')) {
    const choice = gatewayChoice(object);
    // Those of the Gateway API have a status of their own, and pods that are made for them.
    if (Object.keys(choice.labels).length > 0 && choice.labels[GATEWAY_NAME] === undefined)
      yield { object, path: 'spec.selector', choice, ...ANYBODY, who: 'gateway' };
  }
  for (const object of config.list('ServiceEntry')) {
    const labels = object.spec.workloadSelector?.labels ?? {};
    const choice = { namespace: object.metadata.namespace, labels };
    if (Object.keys(labels).length > 0)
      yield {
        object,
        path: 'spec.workloadSelector.labels',
        choice,
        who: 'workload',
        effect: 'its hosts have no endpoints',
      };
  }
  yield* servicesOfFolder(config);
}

/** In a cluster a Service without pods is nothing unusual: scaled to zero, or a job's between two runs. Nobody there is told of it. */
function* servicesOfFolder(config: ConfigView): Iterable<Selecting> {
  for (const object of config.list('Service')) {
    const { namespace, name } = object.metadata;
    const labels = object.spec.selector ?? {};
    if (object.source.file === '' || object.spec.type === 'ExternalName' || Object.keys(labels).length === 0) continue;
    if (config.get('Endpoints', namespace, name) !== undefined) continue;
    const effect = 'the service has no endpoints';
    yield { object, path: 'spec.selector', choice: { namespace, labels }, ...ANYBODY, effect };
  }
}

function unmatchedSelector({ object, path, choice, who, effect }: Selecting, running: Running): readonly Condition[] {
  if (running.chosenBy(choice).length > 0) return [];
  const { namespace, labels } = choice;
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const elsewhere = running.chosenBy({ namespace: undefined, labels })[0]?.namespace;
  const details = {
    path,
    who,
    effect,
    where: namespace === undefined ? 'the mesh' : `namespace ${namespace}`,
    labels: pairs.join(', '),
    elsewhere: elsewhere === undefined ? '' : `, though one of namespace ${elsewhere} has`,
  };
  const near = elsewhere === undefined ? nearestLabel(pairs, running.inNamespace(namespace)) : undefined;
  return [condition('TS-REG-026', object, details, near)];
}

/** Targets of the Gateway API: what runs has their label, and what was made of a Gateway selects it. */
function missingGateways(
  policy: ConfigObject<SpecOf<(typeof TARGETING_KINDS)[number]>>,
  running: Running,
  config: ConfigView,
): readonly Condition[] {
  const { metadata, spec } = policy;
  const { namespace } = metadata;
  const refs = [
    ...(spec.targetRef === undefined ? [] : [{ ref: spec.targetRef, path: 'spec.targetRef.name' }]),
    ...(spec.targetRefs ?? []).map((ref, i) => ({ ref, path: `spec.targetRefs[${i}].name` })),
  ].filter(
    ({ ref }) =>
      ref.group === GATEWAY_GROUP &&
      ref.kind === 'Gateway' &&
      running.chosenBy({ namespace, labels: { [GATEWAY_NAME]: ref.name } }).length === 0,
  );
  if (refs.length === 0) return [];
  const names = new Set([
    ...running.inNamespace(namespace).flatMap(({ labels }) => labels[GATEWAY_NAME] ?? []),
    ...config.list('Gateway', namespace).flatMap((gateway) => gateway.spec.selector?.[GATEWAY_NAME] ?? []),
  ]);
  return refs
    .filter(({ ref }) => !names.has(ref.name))
    .map(({ ref, path }) =>
      condition('TS-REG-025', policy, { path, gateway: `${namespace}/${ref.name}` }, nearest(ref.name, names)),
    );
}

interface ClaimCounted {
  readonly rule: string;
  readonly claim: string;
  readonly path: string;
}

function claimsOf({ spec }: RateLimit): readonly ClaimCounted[] {
  return spec.rules.flatMap((rule, i) =>
    (rule.by ?? []).flatMap(({ claim }, j) =>
      claim === undefined ? [] : [{ rule: rule.name, claim, path: `spec.rules[${i}].by[${j}].claim` }],
    ),
  );
}

/** Without a verified token all callers share the bucket of those who have none. */
function unverifiedClaims(
  limit: RateLimit,
  running: Running,
  config: ConfigView,
  rootNamespace: string,
): readonly Condition[] {
  const limited = reachOf(limit, rootNamespace).choices.flatMap((choice) => running.chosenBy(choice));
  const verified = limited.some((one) =>
    requestAuthenticationsOf(config, one, rootNamespace).some(({ spec: { jwtRules } }) => (jwtRules ?? []).length > 0),
  );
  // For whom it is in force nowhere, that is what is told.
  if (limited.length === 0 || verified) return [];
  return claimsOf(limit).map((details) => condition('TS-REG-027', limit, { ...details }));
}
