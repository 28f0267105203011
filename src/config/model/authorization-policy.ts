// AuthorizationPolicy (security.istio.io): who may do what (security/v1beta1/authorization_policy.proto).

import { list, message, names, type Spec, text, textList } from './schema.ts';
import { targetChoice, targetFields } from './shared.ts';

const SourceSchema = message('Who asks; all fields must hold.', {
  principals: textList('Identities: `trust-domain/ns/NAMESPACE/sa/ACCOUNT`; `*` at either end.'),
  notPrincipals: textList('None of these identities.'),
  requestPrincipals: textList('Token identities: `issuer/subject`.'),
  notRequestPrincipals: textList('None of these token identities.'),
  namespaces: textList('Namespaces of the peer.'),
  notNamespaces: textList('None of these namespaces.'),
  ipBlocks: textList('Addresses of the connection, IP or CIDR.'),
  notIpBlocks: textList('None of these addresses.'),
  remoteIpBlocks: textList('Addresses of the original client (X-Forwarded-For or PROXY protocol).'),
  notRemoteIpBlocks: textList('None of these addresses.'),
  serviceAccounts: textList('Service accounts, `namespace/account` or `account`; no wildcard.', { maxItems: 16 }),
  notServiceAccounts: textList('None of these service accounts.', { maxItems: 16 }),
  trustDomains: textList('Trust domains of the peer.'),
  notTrustDomains: textList('None of these trust domains.'),
});
export type AuthorizationSource = Spec<typeof SourceSchema>;

const OperationSchema = message('What is asked for; all fields must hold.', {
  hosts: textList('Hosts, without case; `*` at either end.'),
  notHosts: textList('None of these hosts.'),
  ports: textList('Ports of the workload.'),
  notPorts: textList('None of these ports.'),
  methods: textList('HTTP methods.'),
  notMethods: textList('None of these methods.'),
  paths: textList('Paths; `*` at either end, or `{*}` for one segment and `{**}` for the rest.'),
  notPaths: textList('None of these paths.'),
});
export type AuthorizationOperation = Spec<typeof OperationSchema>;

const ConditionSchema = message(
  'A further condition.',
  {
    key: text('An attribute.', { minLength: 1 }),
    values: textList('Values, one of which must hold.'),
    notValues: textList('None of these values.'),
  },
  { required: ['key'] },
);
export type AuthorizationCondition = Spec<typeof ConditionSchema>;

const RuleSchema = message(
  'Matches when one source, one operation and every condition match; an empty rule matches everything.',
  {
    from: list('Sources; none: any.', message('One source.', { source: SourceSchema }), { minItems: 1, maxItems: 512 }),
    to: list('Operations; none: any.', message('One operation.', { operation: OperationSchema }), {
      minItems: 1,
      maxItems: 512,
    }),
    when: list('Conditions, all of which must hold.', ConditionSchema),
  },
);
export type AuthorizationRule = Spec<typeof RuleSchema>;

export const AuthorizationPolicySchema = message(
  'Allows or denies requests to workloads.',
  {
    ...targetFields,
    rules: list('Rules, one of which must match; none: ALLOW denies everything.', RuleSchema, { maxItems: 512 }),
    action: names('What a match means.', ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const, { default: 'ALLOW' }),
    provider: message('For CUSTOM: who decides.', { name: text('An extension provider of MeshConfig.') }),
  },
  { choices: [targetChoice] },
);
export type AuthorizationPolicySpec = Spec<typeof AuthorizationPolicySchema>;
