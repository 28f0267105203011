// Thousands of authorization scenarios, generated: every field × operator × request × action × protocol, and random policies for precedence, against an oracle that shares no code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { parseText, viewOf } from '#config';
import {
  HTTP_FILTERS,
  NETWORK_FILTERS,
  type FilterCallbacks,
  type FilterContext,
  type HttpFilterFactory,
  type LocalReply,
} from '#proxy';
import { authorizationPoliciesOf, meshSettings } from '#registry';
import { StatStore, StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { httpAuthorization, tcpAuthorization } from '../../src/translate/authz/authorization-filters.ts';
import { loadRegexEngine } from '../../src/proxy/matcher/index.ts';
import { oracle, type OraclePolicy, type OracleRequest, type OracleRule } from './authorization-oracle.ts';

await loadRegexEngine();

const MESH =
  'apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: mesh, namespace: istio-system }\n';

const BASE: OracleRequest = {
  protocol: 'http',
  peer: { domain: 'cluster.local', namespace: 'team-a', account: 'web' },
  sourceIp: '10.1.2.3',
  remoteIp: '192.0.2.7',
  destinationIp: '10.9.9.9',
  port: 8080,
  sni: 'shop.example',
  host: 'shop.example',
  method: 'GET',
  path: '/api/books?x=1',
  headers: { 'x-tenant': 'blue' },
  claims: {
    iss: 'https://issuer.example',
    sub: 'ann',
    aud: ['shop', 'books'],
    azp: 'robot',
    groups: ['dev', 'ops'],
    deep: { er: 'down' },
  },
};
const OTHER: OracleRequest = {
  ...BASE,
  peer: { domain: 'other.domain', namespace: 'team-b', account: 'job' },
  sourceIp: '172.16.0.1',
  remoteIp: '198.51.100.9',
  destinationIp: '10.8.8.8',
  port: 9090,
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
};
const NOTHING: OracleRequest = { ...OTHER, peer: undefined, claims: undefined, headers: {}, sni: '' };
const REQUESTS = [BASE, OTHER, NOTHING, { ...BASE, host: 'Shop.Example', path: '/api/' }];

/** field -> values by operator: exact, prefix, suffix, presence (where the field knows them). */
const SOURCE: Readonly<Record<string, readonly string[]>> = {
  principals: ['cluster.local/ns/team-a/sa/web', 'cluster.local/ns/team-a/*', '*/sa/web', '*'],
  namespaces: ['team-a', 'team-*', '*-a', '*'],
  serviceAccounts: ['team-a/web', 'web'],
  trustDomains: ['cluster.local', 'cluster*', '*.local', 'cluster.l', '*'],
  ipBlocks: ['10.1.2.3', '10.1.0.0/16', '0.0.0.0/0'],
  remoteIpBlocks: ['192.0.2.7', '192.0.2.0/24'],
  requestPrincipals: ['https://issuer.example/ann', 'https://issuer.example/*', '*/ann', '*', 'https://issuer*'],
};
const OPERATION: Readonly<Record<string, readonly string[]>> = {
  hosts: ['shop.example', 'shop*', '*.example', '*'],
  methods: ['GET', 'G*', '*T', '*'],
  paths: ['/api/books', '/api/*', '*/books', '*', '/api/{*}', '/{*}/books', '/api/{**}', '/{**}', '/{*}/{*}/x'],
  ports: ['8080'],
};
const WHEN: Readonly<Record<string, readonly string[]>> = {
  'request.headers[x-tenant]': ['blue', 'bl*', '*ue', '*'],
  'source.ip': ['10.1.2.3', '10.1.0.0/16'],
  'remote.ip': ['192.0.2.0/24'],
  'source.namespace': ['team-a', 'team-*', '*-a', '*'],
  'source.principal': ['cluster.local/ns/team-a/sa/web', 'cluster.local/*', '*/web', '*'],
  'source.serviceAccount': ['team-a/web', 'web'],
  'source.trustDomain': ['cluster.local', 'cl*', '*.local', '*'],
  'request.auth.principal': ['https://issuer.example/ann', '*'],
  'request.auth.audiences': ['shop', 'sh*', '*'],
  'request.auth.presenter': ['robot', '*'],
  'request.auth.claims[groups]': ['ops', 'o*', '*ps', '*'],
  'request.auth.claims[deep][er]': ['down', '*'],
  'destination.ip': ['10.9.9.9', '10.9.0.0/16'],
  'destination.port': ['8080'],
  'connection.sni': ['shop.example', 'shop*', '*.example', '*'],
};

const negated = (field: string): string => `not${field[0]?.toUpperCase() ?? ''}${field.slice(1)}`;
const RULES: readonly (readonly [name: string, rule: OracleRule])[] = [
  ...Object.entries(SOURCE).flatMap(([field, values]) =>
    values.flatMap((value) =>
      [field, negated(field)].map((name) => [`${name} ${value}`, { from: [{ source: { [name]: [value] } }] }] as const),
    ),
  ),
  ...Object.entries(OPERATION).flatMap(([field, values]) =>
    values.flatMap((value) =>
      [field, negated(field)].map(
        (name) => [`${name} ${value}`, { to: [{ operation: { [name]: [value] } }] }] as const,
      ),
    ),
  ),
  ...Object.entries(WHEN).flatMap(([key, values]) =>
    values.flatMap((value) => [
      [`${key} ${value}`, { when: [{ key, values: [value] }] }] as const,
      [`${key} not ${value}`, { when: [{ key, notValues: [value] }] }] as const,
    ]),
  ),
];

/** A bare account means one of the policy's namespace: the oracle is told in full. */
function full(rule: OracleRule): OracleRule {
  const account = (value: string): string => (value.includes('/') ? value : `team-a/${value}`);
  const lists = (source: Readonly<Record<string, readonly string[] | undefined>>) =>
    Object.fromEntries(
      Object.entries(source).map(([field, values]) => [
        field,
        /serviceAccounts/i.test(field) ? values?.map(account) : values,
      ]),
    );
  const when = rule.when?.map((one) =>
    one.key === 'source.serviceAccount'
      ? {
          ...one,
          ...(one.values ? { values: one.values.map(account) } : {}),
          ...(one.notValues ? { notValues: one.notValues.map(account) } : {}),
        }
      : one,
  );
  return {
    ...rule,
    ...(rule.from ? { from: rule.from.map(({ source }) => ({ source: lists(source) })) } : {}),
    ...(when ? { when } : {}),
  };
}

interface Chain {
  readonly http: readonly HttpFilterFactory[];
  readonly tcp: ReturnType<typeof tcpAuthorization>;
}

/** Text goes through parsing and validation, translation, and the bytes into the proxy's own filters. */
function chainOf(policies: readonly OraclePolicy[]): Chain {
  const text = policies
    .map(
      (policy, i) =>
        `---\n${JSON.stringify({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { name: `p${i}`, namespace: 'team-a', ...(policy.dryRun ? { annotations: { 'istio.io/dry-run': 'true' } } : {}) }, spec: { action: policy.action, ...(policy.rules.length === 0 ? {} : { rules: policy.rules }) } })}\n`,
    )
    .join('');
  const documents = parseText('t.yaml', MESH + text, { defaultNamespace: 'team-a', createdMs: 1 });
  for (const document of documents) assert.ok(document.object !== undefined, JSON.stringify(document.complaints));
  const view = viewOf(documents.flatMap((document) => document.object ?? []));
  const mesh = meshSettings(view);
  const input = {
    policies: authorizationPoliciesOf(view, { namespace: 'team-a', labels: {} }, 'istio-system'),
    requestAuthentications: [],
    rateLimits: [],
    gateway: false,
    keySets: new Map<string, string>(),
    split: false,
    providers: [],
    mesh,
    boundPort: (port: number) => port,
    envoy: false,
  };
  const context = {
    clock: new FakeClock(),
    random: new SeededRandom(1),
    log: silentLogger,
    stats: new StatStore(),
    statPrefix: '',
  } as unknown as FilterContext;
  const http = httpAuthorization(input).map((filter) => {
    const any = filter.configType?.case === 'typedConfig' ? filter.configType.value : undefined;
    const extension = HTTP_FILTERS.find(({ typeUrl }) => typeUrl === any?.typeUrl);
    assert.ok(extension !== undefined && any?.value !== undefined);
    return extension.build(any.value, context, filter.name ?? '');
  });
  return { http, tcp: tcpAuthorization(input) };
}

function spiffe({ peer }: OracleRequest): string {
  return peer === undefined ? '' : `spiffe://${peer.domain}/ns/${peer.namespace}/sa/${peer.account}`;
}

function decideHttp(chain: Chain, request: OracleRequest): boolean {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(request.headers)) headers.add(name, value);
  if (request.protocol === 'grpc') headers.add('content-type', 'application/grpc');
  const head: RequestHead = {
    method: request.method,
    path: request.path,
    authority: request.host,
    scheme: 'http',
    version: request.protocol === 'grpc' ? '2' : '1.1',
    protocol: '',
    headers,
  };
  const record = new StreamRecord();
  if (request.claims !== undefined)
    record.metadata = new Map([['envoy.filters.http.jwt_authn', { payload: request.claims }]]);
  const id = spiffe(request);
  const connection = {
    directRemoteAddress: request.sourceIp,
    remoteAddress: request.sourceIp,
    remotePort: 1,
    trustedRemoteAddress: request.remoteIp,
    localAddress: request.destinationIp,
    localPort: request.port,
    sni: request.sni,
    tls: id !== '',
    mtls: id !== '',
    peerUriSans: id === '' ? [] : [id],
    peerPrincipal: id,
  };
  const replies: LocalReply[] = [];
  for (const factory of chain.http) {
    const callbacks = {
      record,
      connection,
      route: undefined,
      reply: (reply: LocalReply) => void replies.push(reply),
    } as unknown as FilterCallbacks;
    if (factory.create(callbacks).requestHead?.(head, true) !== 'continue') break;
  }
  for (const reply of replies) assert.equal(reply.status, 403);
  return replies.length === 0;
}

function decideTcp(chain: Chain, request: OracleRequest): boolean {
  const id = spiffe(request);
  let closed = false;
  const peer = id === '' ? { kind: 'anonymous' } : { kind: 'verified', uriSans: [id], spiffeId: id };
  const connection = {
    conn: { tls: id === '' ? undefined : { peer }, remoteAddress: request.sourceIp },
    remoteAddress: request.sourceIp,
    remotePort: 1,
    localAddress: request.destinationIp,
    localPort: request.port,
    sni: request.sni,
    close: () => (closed = true),
  };
  for (const filter of chain.tcp) {
    const any = filter.configType?.case === 'typedConfig' ? filter.configType.value : undefined;
    const extension = NETWORK_FILTERS.find(({ typeUrl }) => typeUrl === any?.typeUrl);
    assert.ok(extension !== undefined && any?.value !== undefined);
    const made = extension
      .build(any.value, { stats: new StatStore() } as never, filter.name ?? '')
      .create(connection as never, new StreamRecord());
    if (made?.onConnection?.(() => {}) !== 'continue') break;
  }
  return !closed;
}

function check(policies: readonly OraclePolicy[], name: string): number {
  const chain = chainOf(policies);
  const told = policies.map((policy) => ({ ...policy, rules: policy.rules.map(full) }));
  let count = 0;
  for (const base of REQUESTS) {
    for (const protocol of ['http', 'grpc', 'tcp'] as const) {
      // On TCP the original client is the connection's.
      const request: OracleRequest = { ...base, protocol, ...(protocol === 'tcp' ? { remoteIp: base.sourceIp } : {}) };
      const actual = protocol === 'tcp' ? decideTcp(chain, request) : decideHttp(chain, request);
      assert.equal(
        actual,
        oracle(told, request),
        `${name}, ${protocol}, ${request.peer?.account ?? 'nobody'} ${request.method} ${request.host}${request.path}`,
      );
      count++;
    }
  }
  return count;
}

test('every field, operator, action and protocol decides as the oracle does', () => {
  let count = 0;
  for (const action of ['ALLOW', 'DENY'] as const) {
    for (const dryRun of [false, true])
      for (const [name, rule] of RULES)
        count += check([{ action, dryRun, rules: [rule] }], `${action}${dryRun ? ' (dry run)' : ''} ${name}`);
  }
  for (const [name, rule] of RULES)
    count += check([{ action: 'AUDIT', dryRun: false, rules: [rule] }], `AUDIT ${name}`);
  assert.ok(count >= 5000, `${count} scenarios`);
});

const rule = fc
  .record(
    { from: fc.option(fc.nat()), to: fc.option(fc.nat()), when: fc.option(fc.nat()), second: fc.option(fc.nat()) },
    { requiredKeys: [] },
  )
  .map(({ from, to, when, second }): OracleRule => {
    const pick = <K extends keyof OracleRule>(part: K, at: number | null | undefined): OracleRule[K] | undefined => {
      if (at === null || at === undefined) return undefined;
      const choices = RULES.filter(([, one]) => one[part] !== undefined);
      return choices[at % choices.length]?.[1][part];
    };
    const froms = [...(pick('from', from) ?? []), ...(pick('from', second) ?? [])];
    const tos = pick('to', to);
    const whens = pick('when', when);
    return {
      ...(froms.length === 0 ? {} : { from: froms }),
      ...(tos === undefined ? {} : { to: tos }),
      ...(whens === undefined ? {} : { when: whens }),
    };
  });
const policy = fc
  .record({
    action: fc.constantFrom('ALLOW' as const, 'DENY' as const, 'AUDIT' as const),
    dryRun: fc.boolean(),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  })
  .map((one): OraclePolicy => (one.action === 'AUDIT' ? { ...one, dryRun: false } : one));

test('any number of policies together decides as the oracle does', () => {
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 5 }), (policies) => void check(policies, JSON.stringify(policies))),
    { numRuns: 400 },
  );
});

test('an ALLOW policy without rules denies everything', () => {
  const chain = chainOf([{ action: 'ALLOW', dryRun: false, rules: [] }]);
  for (const request of REQUESTS)
    assert.deepEqual([decideHttp(chain, request), decideTcp(chain, request)], [false, false]);
});
