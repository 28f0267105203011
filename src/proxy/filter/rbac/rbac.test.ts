import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type Permission,
  PermissionSchema,
  type Principal,
  PrincipalSchema,
  type RBAC,
  RBACSchema,
} from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { HeaderMatcher } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { StringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { ConfigError } from '../../errors.ts';
import { testConnection, testHead, testInput } from '../../match-input.testing.ts';
import type { MatchInput } from '../../matcher/match-input.ts';
import { loadRegexEngine } from '../../matcher/regex.ts';
import { deniedDetails, RbacEngine } from './engine.ts';

before(() => loadRegexEngine());

type PermissionInit = MessageInitShape<typeof PermissionSchema>;
type PrincipalInit = MessageInitShape<typeof PrincipalSchema>;

const SLEEP = 'spiffe://cluster.local/ns/default/sa/sleep';
const exact = (value: string) => ({ matchPattern: { case: 'exact', value } }) as const;
const path = (value: string): PermissionInit => ({
  rule: { case: 'urlPath', value: { rule: { case: 'path', value: exact(value) } } },
});
const method = (value: string): PermissionInit => ({
  rule: { case: 'header', value: { name: ':method', headerMatchSpecifier: { case: 'exactMatch', value } } },
});
const anyone: PrincipalInit = { identifier: { case: 'any', value: true } };
const anything: PermissionInit = { rule: { case: 'any', value: true } };
const identity = (value: string): PrincipalInit => ({
  identifier: { case: 'authenticated', value: { principalName: exact(value) } },
});
const header = (name: string, value: string) =>
  ({ name, headerMatchSpecifier: { case: 'exactMatch', value } }) as const;

function engine(action: 0 | 1 | 2, policies: Record<string, [PermissionInit[], PrincipalInit[]]>): RbacEngine {
  return new RbacEngine(
    create(RBACSchema, {
      action,
      policies: Object.fromEntries(
        Object.entries(policies).map(([name, [permissions, principals]]) => [name, { permissions, principals }]),
      ),
    }),
    'rules',
  );
}

const from = (spiffe: string, more: Parameters<typeof testHead>[0] = {}): MatchInput =>
  testInput(testHead(more), testConnection({ tls: true, mtls: true, peerUriSans: [spiffe], peerPrincipal: spiffe }));

test('ALLOW admits only what a policy names, and says which', () => {
  const rules = engine(0, {
    'ns[default]-policy[p]-rule[0]': [
      [{ rule: { case: 'andRules', value: { rules: [method('GET'), path('/info')] } } }],
      [identity(SLEEP)],
    ],
  });
  assert.deepEqual(rules.decide(from(SLEEP, { path: '/info?x' })), {
    allowed: true,
    policy: 'ns[default]-policy[p]-rule[0]',
  });
  assert.equal(rules.decide(from(SLEEP, { path: '/info', method: 'POST' })).allowed, false);
  assert.equal(rules.decide(from(SLEEP, { path: '/other' })).allowed, false);
  assert.equal(rules.decide(from(`${SLEEP}2`, { path: '/info' })).allowed, false);
  assert.equal(rules.decide(testInput(testHead({ path: '/info' }))).allowed, false);
  assert.equal(engine(0, {}).decide(from(SLEEP)).allowed, false);
});

test('a path is found however its escapes are written, also by the index', () => {
  for (const written of ['/a%c3', '/%61%C3']) {
    const policies: Record<string, [PermissionInit[], PrincipalInit[]]> = {
      p: [[path(written)], [anyone]],
      q: [
        [{ rule: { case: 'header', value: header(':path', `${written}/b`) } }],
        [{ identifier: { case: 'header', value: header(':path', `${written}/b`) } }],
      ],
    };
    const rules = engine(1, policies);
    assert.equal(rules.decide(from(SLEEP, { path: '/a%C3?x' })).policy, 'p', written);
    assert.equal(rules.decide(from(SLEEP, { path: written })).policy, 'p', written);
    assert.equal(rules.decide(from(SLEEP, { path: '/a%C3/b' })).policy, 'q', written);
    assert.equal(rules.decide(from(SLEEP, { path: '/a%C4' })).allowed, true);
  }
});

test('DENY refuses what a policy names and LOG refuses nothing', () => {
  const policies: Record<string, [PermissionInit[], PrincipalInit[]]> = { p: [[path('/admin')], [anyone]] };
  assert.deepEqual(engine(1, policies).decide(from(SLEEP, { path: '/admin' })), { allowed: false, policy: 'p' });
  assert.equal(engine(1, policies).decide(from(SLEEP)).allowed, true);
  assert.deepEqual(engine(2, policies).decide(from(SLEEP, { path: '/admin' })), { allowed: true, policy: 'p' });
});

test('of several matches the first by name is reported', () => {
  const rules = engine(1, {
    c: [[anything], [anyone]],
    a: [[path('/x')], [anyone]],
    b: [[anything], [identity(SLEEP)]],
  });
  assert.equal(rules.decide(from(SLEEP, { path: '/x' })).policy, 'a');
  assert.equal(rules.decide(from(SLEEP, { path: '/y' })).policy, 'b');
  assert.equal(rules.decide(testInput(testHead())).policy, 'c');
});

test('a certificate that was not verified is no identity', () => {
  const input = testInput(
    testHead(),
    testConnection({ tls: true, mtls: false, peerUriSans: [SLEEP], peerPrincipal: SLEEP }),
  );
  assert.equal(engine(0, { p: [[anything], [identity(SLEEP)]] }).decide(input).allowed, false);
  assert.equal(
    engine(0, { p: [[anything], [{ identifier: { case: 'authenticated', value: {} } }]] }).decide(input).allowed,
    false,
  );
  const state: PrincipalInit = {
    identifier: {
      case: 'filterState',
      value: { key: 'io.istio.peer_principal', matcher: { case: 'stringMatch', value: exact(SLEEP) } },
    },
  };
  input.record.filterState = new Map([['io.istio.peer_principal', SLEEP]]);
  assert.equal(engine(0, { p: [[anything], [state]] }).decide(input).allowed, false);
  assert.equal(engine(0, { p: [[anything], [state]] }).decide(from(SLEEP)).allowed, true);
});

test('a second header can neither admit nor hide', () => {
  const admin: PermissionInit = { rule: { case: 'header', value: header('role', 'admin') } };
  const notAdmin: PermissionInit = { rule: { case: 'notRule', value: admin } };
  const both = testInput(
    testHead({
      headers: [
        ['role', 'user'],
        ['role', 'admin'],
      ],
    }),
  );
  assert.equal(engine(0, { p: [[admin], [anyone]] }).decide(both).allowed, false);
  assert.equal(engine(1, { p: [[admin], [anyone]] }).decide(both).allowed, false);
  assert.equal(engine(0, { p: [[notAdmin], [anyone]] }).decide(both).allowed, false);
  assert.equal(engine(1, { p: [[notAdmin], [anyone]] }).decide(both).allowed, false);
});

test('addresses, ports, server names, metadata', () => {
  const connection = testConnection({
    directRemoteAddress: '10.2.0.1',
    remoteAddress: '10.1.0.5',
    trustedRemoteAddress: '203.0.113.7',
    localAddress: '10.2.0.1',
    localPort: 8443,
    sni: 'shop.example',
  });
  const input = testInput(testHead(), connection);
  input.record.metadata = new Map([['jwt', { iss: 'a' }]]);
  const cidr = (addressPrefix: string, prefixLen: number) => ({ addressPrefix, prefixLen });
  const principals: [PrincipalInit, boolean][] = [
    [{ identifier: { case: 'directRemoteIp', value: cidr('10.1.0.0', 16) } }, false],
    [{ identifier: { case: 'directRemoteIp', value: cidr('10.2.0.0', 16) } }, true],
    [{ identifier: { case: 'remoteIp', value: cidr('10.1.0.0', 16) } }, false],
    [{ identifier: { case: 'remoteIp', value: cidr('203.0.113.7', 32) } }, true],
    [{ identifier: { case: 'sourceIp', value: cidr('10.1.0.5', 32) } }, true],
    [
      {
        identifier: {
          case: 'metadata',
          value: {
            filter: 'jwt',
            path: [{ segment: { case: 'key', value: 'iss' } }],
            value: { matchPattern: { case: 'stringMatch', value: exact('a') } },
          },
        },
      },
      true,
    ],
  ];
  for (const [principal, expected] of principals)
    assert.equal(
      engine(0, { p: [[anything], [principal]] }).decide(input).allowed,
      expected,
      JSON.stringify(principal),
    );
  const permissions: [PermissionInit, boolean][] = [
    [{ rule: { case: 'destinationPort', value: 8443 } }, true],
    [{ rule: { case: 'destinationPortRange', value: { start: 8000, end: 8443 } } }, false],
    [{ rule: { case: 'destinationIp', value: cidr('10.2.0.0', 24) } }, true],
    [{ rule: { case: 'requestedServerName', value: exact('shop.example') } }, true],
  ];
  for (const [permission, expected] of permissions)
    assert.equal(
      engine(0, { p: [[permission], [anyone]] }).decide(input).allowed,
      expected,
      JSON.stringify(permission),
    );
});

test('a condition that cannot be evaluated refuses the whole configuration', () => {
  assert.throws(() => engine(1, { p: [[{ rule: { case: 'matcher', value: { name: 'x' } } }], [anyone]] }), ConfigError);
  assert.throws(() => engine(1, { p: [[{}], [anyone]] }), ConfigError);
  assert.throws(() => engine(1, { p: [[anything], []] }), ConfigError);
  assert.throws(
    () =>
      new RbacEngine(
        create(RBACSchema, { policies: { p: { permissions: [anything], principals: [anyone], condition: {} } } }),
        'f',
      ),
    ConfigError,
  );
});

test('the details name the policy, or none', () => {
  assert.equal(deniedDetails(''), 'rbac_access_denied_matched_policy[none]');
  assert.equal(
    deniedDetails('ns[a]-policy[b c]-rule[0]'),
    'rbac_access_denied_matched_policy[ns[a]-policy[b_c]-rule[0]]',
  );
});

// A slow evaluator straight from the proto's comments, over the kinds that the index knows.
function slowText(matcher: StringMatcher | undefined, value: string): boolean {
  const wanted = String(matcher?.matchPattern.value);
  const [text, want] = matcher?.ignoreCase === true ? [value.toLowerCase(), wanted.toLowerCase()] : [value, wanted];
  if (matcher?.matchPattern.case === 'exact') return text === want;
  if (matcher?.matchPattern.case === 'prefix') return text.startsWith(want);
  return matcher?.matchPattern.case === 'suffix' ? text.endsWith(want) : text.includes(want);
}
function slowHeader(
  { name, headerMatchSpecifier: specifier }: HeaderMatcher,
  input: MatchInput,
  all: boolean,
): boolean {
  const values = name === ':method' ? [input.head.method] : input.head.headers.getAll(name);
  const holds = (value: string): boolean =>
    specifier.case === 'stringMatch' ? slowText(specifier.value, value) : specifier.value === value;
  return all ? values.length > 0 && values.every(holds) : values.some(holds);
}
function slowPermission(p: Permission, input: MatchInput, all: boolean): boolean {
  switch (p.rule.case) {
    case 'any':
      return true;
    case 'andRules':
      return p.rule.value.rules.every((r) => slowPermission(r, input, all));
    case 'orRules':
      return p.rule.value.rules.some((r) => slowPermission(r, input, all));
    case 'notRule':
      return !slowPermission(p.rule.value, input, !all);
    case 'urlPath':
      return slowText(p.rule.value.rule.value, input.head.path);
    case 'header':
      return slowHeader(p.rule.value, input, all);
    default:
      throw new Error('not generated');
  }
}
function slowPrincipal(p: Principal, input: MatchInput, all: boolean): boolean {
  switch (p.identifier.case) {
    case 'any':
      return true;
    case 'andIds':
      return p.identifier.value.ids.every((r) => slowPrincipal(r, input, all));
    case 'orIds':
      return p.identifier.value.ids.some((r) => slowPrincipal(r, input, all));
    case 'notId':
      return !slowPrincipal(p.identifier.value, input, !all);
    case 'authenticated': {
      const wanted = p.identifier.value.principalName;
      return input.connection.peerUriSans.some((san) => slowText(wanted, san));
    }
    case 'header':
      return slowHeader(p.identifier.value, input, all);
    default:
      throw new Error('not generated');
  }
}
function slow(rules: RBAC, input: MatchInput): string | undefined {
  return Object.keys(rules.policies)
    .sort()
    .find((name) => {
      const policy = rules.policies[name];
      return (
        policy?.permissions.some((p) => slowPermission(p, input, rules.action === 0)) === true &&
        policy.principals.some((p) => slowPrincipal(p, input, rules.action === 0))
      );
    });
}

const word = fc.constantFrom('a', 'b', 'c');
const piece = fc.constantFrom('', 'a', 'b', '/a', '/a/', 'A', '/ns/', '/ns/a/sa/', '/ns/b/sa/', '/sa/', '/ns/a/sa/b');
const someText = fc.array(piece, { maxLength: 3 }).map((parts) => parts.join(''));
const matcher = fc
  .tuple(fc.constantFrom('exact', 'prefix', 'suffix', 'contains'), someText, fc.boolean())
  .map(([how, value, ignoreCase]) => ({ matchPattern: { case: how, value }, ignoreCase }) as const);
const textHeader = matcher.map(
  (value) => ({ name: 'x-h', headerMatchSpecifier: { case: 'stringMatch', value } }) as const,
);
const permissions = fc.letrec<{ tree: PermissionInit }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    word.map((w) => path(`/${w}`)),
    word.map((w) => method(w)),
    matcher.map((value): PermissionInit => ({ rule: { case: 'urlPath', value: { rule: { case: 'path', value } } } })),
    textHeader.map((value): PermissionInit => ({ rule: { case: 'header', value } })),
    fc.constant(anything),
    fc
      .array(tie('tree'), { maxLength: 3 })
      .map((rules): PermissionInit => ({ rule: { case: 'andRules', value: { rules } } })),
    fc
      .array(tie('tree'), { maxLength: 3 })
      .map((rules): PermissionInit => ({ rule: { case: 'orRules', value: { rules } } })),
    tie('tree').map((value): PermissionInit => ({ rule: { case: 'notRule', value } })),
  ),
})).tree;
const principals = fc.letrec<{ tree: PrincipalInit }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    word.map((w) => identity(w)),
    matcher.map((value): PrincipalInit => ({ identifier: { case: 'authenticated', value: { principalName: value } } })),
    textHeader.map((value): PrincipalInit => ({ identifier: { case: 'header', value } })),
    fc.constant(anyone),
    fc
      .array(tie('tree'), { maxLength: 3 })
      .map((ids): PrincipalInit => ({ identifier: { case: 'andIds', value: { ids } } })),
    fc
      .array(tie('tree'), { maxLength: 3 })
      .map((ids): PrincipalInit => ({ identifier: { case: 'orIds', value: { ids } } })),
    tie('tree').map((value): PrincipalInit => ({ identifier: { case: 'notId', value } })),
  ),
})).tree;

test('the indexed engine decides as a slow evaluator does', () => {
  const policy = fc.record({
    permissions: fc.array(permissions, { minLength: 1, maxLength: 3 }),
    principals: fc.array(principals, { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 6 }),
      fc.constantFrom(0 as const, 1 as const),
      fc.array(
        fc.tuple(word, fc.oneof(word, someText), fc.oneof(word, someText), fc.array(someText, { maxLength: 2 })),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      (policies, action, requests) => {
        const rules = create(RBACSchema, {
          action,
          policies: Object.fromEntries(policies.map((p, i) => [`p${i}`, p])),
        });
        const compiled = new RbacEngine(rules, 'f');
        for (const [m, p, who, values] of requests) {
          const input = from(who, { method: m, path: `/${p}` });
          for (const value of values) input.head.headers.add('x-h', value);
          const expected = slow(rules, input);
          assert.deepEqual(compiled.decide(input), {
            allowed: (expected !== undefined) === (action === 0),
            policy: expected ?? '',
          });
        }
      },
    ),
    { numRuns: 2000 },
  );
});
