// Whether a callee would take a remembered request: its mTLS mode, then its AuthorizationPolicies, by the rules and the
// engine of the proxy.
import type { TapRecordJson } from '#api';
import type { ObjectRef, ProxyNode } from '#base';
import { receivingMode, type Snapshot } from '#push';
import { type AuthorizationPolicy, authorizationPoliciesOf } from '#registry';
import { explainAuthz } from './explain-authz.ts';
import { displayName } from './program-tracker.ts';

export interface Judgement {
  readonly allowed: boolean;
  readonly words: string;
  readonly cause: ObjectRef | undefined;
  readonly unsure: boolean;
}

export function judge(snapshot: Snapshot, node: ProxyNode, record: TapRecordJson): Judgement {
  const workload = {
    namespace: node.metadata.NAMESPACE ?? node.parsed?.namespace ?? '',
    labels: node.metadata.LABELS ?? {},
  };
  const port = Number(/^inbound\|(\d+)\|/.exec(record.cluster)?.[1] ?? 0);
  const mode = receivingMode(snapshot.peerAuthentications, snapshot.formerPeerAuthentications, workload, port);
  if (mode === 'STRICT' && !record.mtls)
    return {
      allowed: false,
      words: 'refused: plaintext where STRICT is demanded',
      cause: strictCause(snapshot, workload),
      unsure: false,
    };
  const policies = authorizationPoliciesOf(snapshot.config, workload, snapshot.mesh.rootNamespace);
  const answer = explainAuthz({
    workload: displayName(node),
    policies,
    mesh: snapshot.mesh,
    ask: {
      from: record.source.principal,
      sourceIp: '127.0.0.1',
      method: record.method,
      path: record.path,
      host: record.authority,
      port,
      headers: [],
      claims: undefined,
    },
  });
  const { decidedBy } = answer;
  const allowed = answer.decision === 'allowed';
  const by =
    decidedBy === undefined ? answer.reason : `${decidedBy.namespace}/${decidedBy.name}, rule ${decidedBy.rule}`;
  return {
    allowed,
    words: allowed ? 'allowed' : `403: ${decidedBy === undefined ? by : `denied by ${by}`}`,
    cause: decidedBy === undefined ? nearest(policies) : policyRef(decidedBy),
    unsure: policies.some(looksAtHidden),
  };
}

function policyRef({ namespace, name }: { readonly namespace: string; readonly name: string }): ObjectRef {
  return { kind: 'AuthorizationPolicy', namespace, name };
}

/** No rule matched: the first policy that allows only some is what denies the rest. */
function nearest(policies: readonly AuthorizationPolicy[]): ObjectRef | undefined {
  const allowing = policies.find(({ spec }) => (spec.action ?? 'ALLOW') === 'ALLOW');
  return allowing === undefined ? undefined : policyRef(allowing.metadata);
}

function strictCause(
  { config, mesh }: Snapshot,
  { namespace, labels }: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): ObjectRef | undefined {
  const all = config.list('PeerAuthentication').filter((one) => one.spec.mtls?.mode === 'STRICT');
  const selects = (wanted: Readonly<Record<string, string>> | undefined): boolean =>
    Object.entries(wanted ?? {}).every(([key, value]) => labels[key] === value);
  const found =
    all.find((one) => one.metadata.namespace === namespace && selects(one.spec.selector?.matchLabels)) ??
    all.find((one) => one.metadata.namespace === mesh.rootNamespace);
  return found === undefined
    ? undefined
    : { kind: 'PeerAuthentication', namespace: found.metadata.namespace, name: found.metadata.name };
}

/** Rules about what is not remembered of a request. */
function looksAtHidden({ spec }: AuthorizationPolicy): boolean {
  return (spec.rules ?? []).some(
    ({ from = [], when = [] }) =>
      when.length > 0 ||
      from.some(({ source }) => Object.keys(source ?? {}).some((field) => /requestPrincipals|ipBlocks/i.test(field))),
  );
}
