// Policies that name what they are for by reference: a Gateway of the Gateway API, or the class of gateways; and those that name a token's subject.
import type { Feature, Scenario, Step } from './scenario.ts';
import { EDGE_GATEWAY, policy } from './server-calls.ts';
import { to, WEB_SUBSETS } from './yaml.ts';

const GATEWAY = `${WEB_SUBSETS}${EDGE_GATEWAY}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ ${to('web', 'v1').replace('host: web', 'host: web, port: { number: 8000 }')} }] }
---
`;
const target = (kind: string, name: string): string =>
  `{ group: gateway.networking.k8s.io, kind: ${kind}, name: ${name} }`;
/** What says so of this gateway, and what says so of another. */
const TARGETS = [
  [`targetRef: ${target('Gateway', 'entrance')}`, true],
  [`targetRef: ${target('Gateway', 'exit')}`, false],
  [`targetRefs: [${target('Gateway', 'exit')}, ${target('GatewayClass', 'istio')}]`, true],
  [`targetRefs: [${target('GatewayClass', 'other')}]`, false],
] as const;

/** A kind of policy, the rest of one, and what is seen at the gateway where it holds, and where not. */
function targeted(kind: string, rest: string, group: string, holds: Step, not: Step): Scenario[] {
  return targets(kind, holds, not, (where) =>
    policy('p', kind, `{ ${where}, ${rest} }`, 'istio-system').replace(/^apiVersion: .*$/m, `apiVersion: ${group}`),
  );
}

/** At a gateway that sends everything to web-v1. */
export function targets(kind: string, holds: Step, not: Step, object: (where: string) => string): Scenario[] {
  return TARGETS.map(([where, ours]) => ({
    name: `${kind}: ${where.replaceAll('group: gateway.networking.k8s.io, ', '')}`,
    proves: [`${kind}.${where.slice(0, where.indexOf(':'))}`],
    config: GATEWAY + object(where),
    steps: [ours ? holds : not],
  }));
}

const call: Step['call'] = { via: 'gateway' };
const answer = (expect: Step['expect']): Step => ({ call, expect: { status: 200, backend: 'web-v1', ...expect } });
const bad: Step['call'] = { via: 'gateway', headers: { authorization: 'Bearer bad' } };
const large: Step['call'] = { via: 'gateway', method: 'POST', body: 'more than ten bytes' };
const LINE = { log: { response_code: 200 } };

export const feature: Feature = [
  ...targeted(
    'AuthorizationPolicy',
    'action: DENY, rules: [{}]',
    'security.istio.io/v1',
    { call, expect: { status: 403, arrivals: 0 } },
    answer({}),
  ),
  ...targeted(
    'RequestAuthentication',
    'jwtRules: [{ issuer: "https://issuer.example", jwks: \'{"keys":[]}\' }]',
    'security.istio.io/v1',
    { call: bad, expect: { status: 401, arrivals: 0 } },
    { call: bad, expect: { status: 200, backend: 'web-v1' } },
  ),
  ...targeted(
    'Telemetry',
    'accessLogging: [{ providers: [{ name: envoy }], disabled: true }]',
    'telemetry.istio.io/v1',
    answer({ log: null }),
    answer(LINE),
  ),
  ...targeted(
    'MessageLimits',
    'request: { body: { maxBytes: 10 } }',
    'topsail.io/v1alpha1',
    { call: large, expect: { status: 413, arrivals: 0 } },
    { call: large, expect: { status: 200, backend: 'web-v1' } },
  ),
  ...targeted(
    'RateLimit',
    'rules: [{ name: "${fresh:rule}", limit: { requests: 1, per: DAY } }]',
    'topsail.io/v1alpha1',
    { call, times: 2, spread: { '200': [1, 1], '429': [1, 1] } },
    { call, times: 2, expect: { status: 200, backend: 'web-v1' } },
  ),
];
