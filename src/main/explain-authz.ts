// Why a request would be allowed or denied: the same translated rules, in the same engine that decides in the proxy, asked about a request that nobody sent.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AuthzAnswerJson, AuthzAsk, AuthzNearJson, AuthzRuleJson } from '#api';
import { type RBAC, RBACSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { type DownstreamFacts, RbacEngine } from '#proxy';
import type { AuthorizationPolicy, MeshSettings } from '#registry';
import { StreamRecord } from '#telemetry';
import { rbacPolicy } from '#translate';
import { HeaderBlock, type RequestHead } from '#wire/http';

type Rule = NonNullable<AuthorizationPolicy['spec']['rules']>[number];

export interface ExplainInput {
  readonly workload: string;
  readonly policies: readonly AuthorizationPolicy[];
  readonly mesh: MeshSettings;
  readonly ask: AuthzAsk;
}

interface Judged {
  readonly where: AuthzRuleJson;
  readonly policy: AuthorizationPolicy;
  readonly rule: Rule;
  readonly matches: boolean;
}

export function explainAuthz(input: ExplainInput): AuthzAnswerJson {
  const request = requestOf(input.ask);
  const judged = input.policies.flatMap((policy) =>
    (policy.spec.rules ?? []).map(
      (rule, index): Judged => ({
        where: {
          action: actionOf(policy),
          namespace: policy.metadata.namespace,
          name: policy.metadata.name,
          rule: index,
        },
        policy,
        rule,
        matches: holds(rule, policy, input, request),
      }),
    ),
  );
  const enforced = judged.filter(({ policy }) => !isDryRun(policy));
  const matching = (action: string): Judged | undefined =>
    enforced.find((one) => one.where.action === action && one.matches);
  const answer = {
    workload: input.workload,
    asks: enforced
      .filter((one) => one.where.action === 'CUSTOM' && one.matches)
      .map((one) => ({ ...one.where, provider: one.policy.spec.provider?.name ?? '' })),
    notes: judged
      .filter((one) => one.matches && (isDryRun(one.policy) || one.where.action === 'AUDIT'))
      .map((one) => one.where),
  };
  const denied = matching('DENY');
  if (denied !== undefined)
    return { ...answer, decision: 'denied', decidedBy: denied.where, reason: '', nearest: undefined };
  const allowing = input.policies.filter((policy) => actionOf(policy) === 'ALLOW' && !isDryRun(policy));
  const allowed = matching('ALLOW');
  if (allowed !== undefined)
    return {
      ...answer,
      decision: 'allowed',
      decidedBy: allowed.where,
      reason: '',
      nearest: nearest(enforced, 'DENY', input, request),
    };
  if (allowing.length === 0)
    return {
      ...answer,
      decision: 'allowed',
      decidedBy: undefined,
      reason: 'no ALLOW policy applies to the workload, and no DENY rule matches',
      nearest: nearest(enforced, 'DENY', input, request),
    };
  const names = allowing.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
  return {
    ...answer,
    decision: 'denied',
    decidedBy: undefined,
    reason: `ALLOW policies apply (${names}) and no rule of theirs matches`,
    nearest: nearest(enforced, 'ALLOW', input, request),
  };
}

function actionOf(policy: AuthorizationPolicy): string {
  return policy.spec.action ?? 'ALLOW';
}

function isDryRun(policy: AuthorizationPolicy): boolean {
  return policy.metadata.annotations['istio.io/dry-run'] === 'true';
}

interface Request {
  readonly head: RequestHead;
  readonly connection: DownstreamFacts;
  readonly record: StreamRecord;
}

function requestOf(ask: AuthzAsk): Request {
  const headers = new HeaderBlock();
  for (const [name, value] of ask.headers) headers.add(name, value);
  const record = new StreamRecord();
  if (ask.claims !== undefined) record.metadata = new Map([['envoy.filters.http.jwt_authn', { payload: ask.claims }]]);
  const principal = ask.from === '' ? '' : `spiffe://${ask.from.replace(/^spiffe:\/\//, '')}`;
  return {
    head: {
      method: ask.method,
      path: ask.path,
      authority: ask.host,
      scheme: 'http',
      version: '1.1',
      protocol: '',
      headers,
    },
    connection: {
      directRemoteAddress: ask.sourceIp,
      remoteAddress: ask.sourceIp,
      remotePort: 0,
      trustedRemoteAddress: ask.sourceIp,
      localAddress: '127.0.0.1',
      localPort: ask.port,
      sni: '',
      tls: principal !== '',
      mtls: principal !== '',
      peerUriSans: principal === '' ? [] : [principal],
      peerPrincipal: principal,
    },
    record,
  };
}

function holds(rule: Rule, policy: AuthorizationPolicy, { mesh }: ExplainInput, request: Request): boolean {
  const deny = actionOf(policy) !== 'ALLOW';
  const translated = rbacPolicy(rule, {
    mesh,
    namespace: policy.metadata.namespace,
    protocol: 'http',
    effect: deny ? 'deny' : 'allow',
    boundPort: (port) => port,
  });
  if (translated === undefined) return false;
  const rbac = create(RBACSchema, { action: deny ? 1 : 0, policies: { rule: translated } } as MessageInitShape<
    typeof RBACSchema
  >) as RBAC;
  return new RbacEngine(rbac, 'rule').decide(request).policy !== '';
}

interface Part {
  readonly field: string;
  readonly wanted: string;
  readonly found: string;
  readonly rule: Rule;
}

/** The rule of which the fewest fields fail. */
function nearest(
  judged: readonly Judged[],
  action: string,
  input: ExplainInput,
  request: Request,
): AuthzNearJson | undefined {
  let best: AuthzNearJson | undefined;
  for (const { where, policy, rule, matches } of judged) {
    if (where.action !== action || matches) continue;
    const failing = (parts: readonly Part[]): readonly Part[] =>
      parts.filter((part) => !holds(part.rule, policy, input, request));
    const fewest = (choices: readonly (readonly Part[])[]): readonly Part[] =>
      choices
        .map(failing)
        .reduce(
          (a, b) => (b.length < a.length ? b : a),
          choices.length === 0 ? [] : failing(choices[0] as readonly Part[]),
        );
    const from = (rule.from ?? []).map(({ source }, i) =>
      Object.entries(source ?? {}).map(
        ([field, values]): Part => ({
          field: `from[${i}].source.${field}`,
          wanted: shown(values),
          found: sourceFound(field, input.ask),
          rule: { from: [{ source: { [field]: values } }] } as Rule,
        }),
      ),
    );
    const to = (rule.to ?? []).map(({ operation }, i) =>
      Object.entries(operation ?? {}).map(
        ([field, values]): Part => ({
          field: `to[${i}].operation.${field}`,
          wanted: shown(values),
          found: operationFound(field, input.ask),
          rule: { to: [{ operation: { [field]: values } }] } as Rule,
        }),
      ),
    );
    const when = (rule.when ?? []).map(
      (condition, i): Part => ({
        field: `when[${i}]`,
        wanted: `${condition.key} ${condition.values === undefined ? 'not ' : ''}${shown(condition.values ?? condition.notValues)}`,
        found: '',
        rule: { when: [condition] },
      }),
    );
    const missing = [...fewest(from), ...fewest(to), ...failing(when)].map(({ field, wanted, found }) => ({
      field,
      wanted,
      found,
    }));
    if (best === undefined || missing.length < best.missing.length) best = { ...where, missing };
  }
  return best;
}

function shown(values: unknown): string {
  return Array.isArray(values) ? values.join(', ') : String(values);
}

function sourceFound(field: string, ask: AuthzAsk): string {
  if (/requestPrincipals/i.test(field))
    return ask.claims === undefined ? 'no token' : `${String(ask.claims['iss'])}/${String(ask.claims['sub'])}`;
  if (/ipBlocks/i.test(field)) return ask.sourceIp;
  return ask.from === '' ? 'no certificate' : ask.from;
}

function operationFound(field: string, ask: AuthzAsk): string {
  if (/hosts/i.test(field)) return ask.host;
  if (/ports/i.test(field)) return String(ask.port);
  return /methods/i.test(field) ? ask.method : ask.path;
}
