// Authorization scenarios for real proxies: every field and operator, every action, and random policies together, with
// what the oracle says of each request. Deterministic.
import { SeededRandom } from '#base';
import {
  oracle,
  type OraclePolicy,
  type OracleRequest,
  type OracleRule,
} from '../../scenarios/authorization-oracle.ts';

export interface Caller {
  readonly name: string;
  readonly account: { readonly namespace: string; readonly account: string } | undefined;
  readonly localAddress: string;
  readonly xff: string;
  readonly sni: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /** What the external authorizer says when it is asked. */
  readonly approved: { readonly http: boolean; readonly tcp: boolean };
}

export const HTTP_PORT = 8080;
export const TCP_PORT = 9000;
const DESTINATION = '127.0.0.1';

export const CALLERS: readonly Caller[] = [
  {
    name: 'web of team-a',
    account: { namespace: 'team-a', account: 'web' },
    localAddress: '127.0.0.1',
    xff: '192.0.2.7',
    sni: 'shop.example',
    host: 'shop.example',
    method: 'GET',
    path: '/api/books?x=1',
    headers: { 'x-tenant': 'blue', 'x-ext': 'allow' },
    claims: {
      iss: 'https://issuer.example',
      sub: 'ann',
      aud: ['shop', 'books'],
      azp: 'robot',
      groups: ['dev', 'ops'],
      deep: { er: 'down' },
    },
    approved: { http: true, tcp: true },
  },
  {
    name: 'job of team-b',
    account: { namespace: 'team-b', account: 'job' },
    localAddress: '127.0.0.2',
    xff: '198.51.100.9',
    sni: 'bank.example',
    host: 'BANK.example',
    method: 'POST',
    path: '/admin',
    headers: { 'x-tenant': 'red' },
    claims: {
      iss: 'https://other.example',
      sub: 'bob',
      aud: 'bank',
      azp: 'human',
      groups: ['sales'],
      deep: { er: 'up' },
    },
    approved: { http: false, tcp: false },
  },
  {
    name: 'nobody',
    account: undefined,
    localAddress: '127.0.0.2',
    xff: '198.51.100.9',
    sni: '',
    host: 'shop.example',
    method: 'GET',
    path: '/api/',
    headers: {},
    claims: undefined,
    approved: { http: false, tcp: false },
  },
];

type CasePolicy = {
  readonly action: OraclePolicy['action'] | 'CUSTOM';
  readonly dryRun: boolean;
  readonly rules: readonly OracleRule[];
};

export interface Case {
  readonly name: string;
  readonly policies: readonly CasePolicy[];
}

const SOURCE: Readonly<Record<string, readonly string[]>> = {
  principals: ['cluster.local/ns/team-a/sa/web', 'cluster.local/ns/team-a/*', '*/sa/web', '*'],
  namespaces: ['team-a', 'team-*', '*-a', '*'],
  serviceAccounts: ['team-a/web'],
  trustDomains: ['cluster.local', 'cluster*', '*.local', 'other*', '*'],
  ipBlocks: ['127.0.0.1', '127.0.0.2/32', '127.0.0.0/8', '10.0.0.0/8'],
  remoteIpBlocks: ['192.0.2.7', '198.51.100.0/24'],
  requestPrincipals: ['https://issuer.example/ann', 'https://issuer.example/*', '*/ann', '*'],
};
const OPERATION: Readonly<Record<string, readonly string[]>> = {
  hosts: ['shop.example', 'shop*', '*.example', '*'],
  methods: ['GET', 'G*', '*T', '*'],
  paths: ['/api/books', '/api/*', '*/books', '*', '/api/{*}', '/{*}/books', '/api/{**}', '/{**}', '/{*}/{*}/x'],
  ports: [String(HTTP_PORT), String(TCP_PORT)],
};
const WHEN: Readonly<Record<string, readonly string[]>> = {
  'request.headers[x-tenant]': ['blue', 'bl*', '*ue', '*'],
  'source.ip': ['127.0.0.1', '127.0.0.0/8'],
  'remote.ip': ['192.0.2.0/24'],
  'source.namespace': ['team-a', 'team-*', '*-a'],
  'source.principal': ['cluster.local/ns/team-a/sa/web', 'cluster.local/*', '*/web'],
  'source.serviceAccount': ['team-a/web'],
  'source.trustDomain': ['cluster.local', 'cl*', '*.local'],
  'request.auth.principal': ['https://issuer.example/ann', '*'],
  'request.auth.audiences': ['shop', 'sh*', '*'],
  'request.auth.presenter': ['robot', '*'],
  'request.auth.claims[groups]': ['ops', 'o*', '*ps', '*'],
  'request.auth.claims[deep][er]': ['down'],
  'destination.ip': [DESTINATION, '10.9.0.0/16'],
  'destination.port': [String(HTTP_PORT)],
  'connection.sni': ['shop.example', 'shop*', '*.example', '*'],
};

const negated = (field: string): string => `not${(field[0] ?? '').toUpperCase()}${field.slice(1)}`;
const RULES: readonly OracleRule[] = [
  ...Object.entries(SOURCE).flatMap(([field, values]) =>
    values.flatMap((value) => [field, negated(field)].map((name) => ({ from: [{ source: { [name]: [value] } }] }))),
  ),
  ...Object.entries(OPERATION).flatMap(([field, values]) =>
    values.flatMap((value) => [field, negated(field)].map((name) => ({ to: [{ operation: { [name]: [value] } }] }))),
  ),
  ...Object.entries(WHEN).flatMap(([key, values]) =>
    values.flatMap((value) => [{ when: [{ key, values: [value] }] }, { when: [{ key, notValues: [value] }] }]),
  ),
];

/** What CUSTOM policies may say: nothing that only a verified peer or token knows. */
const ASKABLE = RULES.filter(
  (rule) => !/principal|namespace|serviceAccount|trustDomain|request\.auth/i.test(JSON.stringify(rule)),
);

export function makeCases(together: number, seed: number): readonly Case[] {
  const random = new SeededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[random.uint32() % list.length] as T;
  const alone = RULES.map((rule, i): Case => {
    const action = i % 2 === 0 ? 'ALLOW' : 'DENY';
    return { name: `${action} ${JSON.stringify(rule)}`, policies: [{ action, dryRun: false, rules: [rule] }] };
  });
  const asked = ASKABLE.filter((_, i) => i % 4 === 0).map(
    (rule): Case => ({
      name: `CUSTOM ${JSON.stringify(rule)}`,
      policies: [{ action: 'CUSTOM', dryRun: false, rules: [rule] }],
    }),
  );
  const mixed = Array.from({ length: together }, (): Case => {
    const policies = Array.from({ length: 2 + (random.uint32() % 3) }, (): CasePolicy => {
      const action = pick(['ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT', 'CUSTOM'] as const);
      const from = action === 'CUSTOM' ? ASKABLE : RULES;
      const rules = Array.from({ length: 1 + (random.uint32() % 2) }, () => joined(pick(from), pick(from)));
      return { action, dryRun: (action === 'ALLOW' || action === 'DENY') && random.uint32() % 4 === 0, rules };
    });
    return { name: JSON.stringify(policies), policies };
  });
  return [
    ...alone,
    ...asked,
    ...mixed,
    { name: 'ALLOW nothing', policies: [{ action: 'ALLOW', dryRun: false, rules: [] }] },
  ];
}

function joined(a: OracleRule, b: OracleRule): OracleRule {
  return { ...b, ...a };
}

/** ALLOW without rules matches nothing, and so refuses everything. */
export function expected({ policies }: Case, caller: Caller, protocol: OracleRequest['protocol']): boolean {
  const tcp = protocol === 'tcp';
  const request: OracleRequest = {
    protocol,
    peer: caller.account === undefined ? undefined : { domain: 'cluster.local', ...caller.account },
    sourceIp: caller.localAddress,
    remoteIp: tcp ? caller.localAddress : caller.xff,
    destinationIp: DESTINATION,
    port: tcp ? TCP_PORT : HTTP_PORT,
    sni: caller.account === undefined ? '' : caller.sni,
    host: caller.host,
    method: protocol === 'grpc' ? 'POST' : caller.method,
    path: caller.path,
    headers: caller.headers,
    claims: caller.claims,
  };
  const asks = policies.filter(({ action }) => action === 'CUSTOM');
  const marked = asks.some(({ rules }) => !oracle([{ action: 'DENY', dryRun: false, rules }], request));
  if (marked && !caller.approved[tcp ? 'tcp' : 'http']) return false;
  return oracle(
    policies.filter((one): one is OraclePolicy => one.action !== 'CUSTOM'),
    request,
  );
}
