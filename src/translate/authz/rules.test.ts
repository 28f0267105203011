// Rules never allow what cannot be judged, always deny it, and never make a pattern of a name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AuthorizationPolicy, meshSettings } from '#registry';
import { type ConfigObject, parseText, viewOf } from '#config';
import { rbacPolicy, type RuleContext } from './rules.ts';

type Rule = NonNullable<AuthorizationPolicy['spec']['rules']>[number];

const mesh = meshSettings(
  viewOf(
    parseText(
      'm.yaml',
      'apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: mesh, namespace: istio-system }\ntrustDomain: td1\n',
    ).map(({ object }) => object as ConfigObject),
  ),
);
const context = (over: Partial<RuleContext> = {}): RuleContext => ({
  mesh: { ...mesh, trustDomainAliases: ['td2'] },
  namespace: 'default',
  protocol: 'http',
  effect: 'allow',
  boundPort: (port) => port,
  ...over,
});
const text = (rule: Rule, over: Partial<RuleContext> = {}): string => JSON.stringify(rbacPolicy(rule, context(over)));

describe('a rule', () => {
  it('with HTTP fields never allows a TCP connection', () => {
    assert.equal(rbacPolicy({ to: [{ operation: { methods: ['GET'] } }] }, context({ protocol: 'tcp' })), undefined);
  });
  it('with HTTP fields still denies a TCP connection, without them', () => {
    assert.match(
      text({ to: [{ operation: { methods: ['GET'], ports: ['80'] } }] }, { protocol: 'tcp', effect: 'deny' }),
      /"destinationPort","value":80/,
    );
  });
  it('about tokens, which nobody can check on TCP, never allows there, and denies whoever comes', () => {
    const rule: Rule = { from: [{ source: { requestPrincipals: ['*'] } }] };
    assert.equal(rbacPolicy(rule, context({ protocol: 'tcp' })), undefined);
    assert.match(
      text(rule, { protocol: 'tcp', effect: 'deny' }),
      /"principals":\[\{"identifier":\{"case":"any","value":true\}\}\]/,
    );
  });
  it('with an unknown condition never allows', () => {
    assert.equal(rbacPolicy({ when: [{ key: 'request.weather', notValues: ['x'] }] }, context()), undefined);
  });
  it('one of whose sources is unknown keeps the others', () => {
    assert.match(
      text({ from: [{ source: { requestPrincipals: ['a'] } }, { source: { namespaces: ['good'] } }] }),
      /\/ns\/good\/sa\//,
    );
  });
  it('takes stars in trust domains for what they stand for, and nothing beyond the domain', () => {
    const pattern = (value: string): RegExp | undefined => {
      const regex = /"safeRegex","value":\{"regex":("(?:[^"\\]|\\.)*")/.exec(
        text({ from: [{ source: { trustDomains: [value] } }] }),
      )?.[1];
      return regex === undefined ? undefined : new RegExp(`^(?:${JSON.parse(regex) as string})$`);
    };
    assert.equal(pattern('td1'), undefined);
    assert.equal(pattern('*'), undefined);
    for (const [value, domain, fits] of [
      ['*.example.com', 'eu.example.com', true],
      ['*.example.com', 'example.com', false],
      ['*.example.com', 'euxexample.com', false],
      ['prod*', 'prod-eu', true],
      ['prod*', 'test-prod', false],
    ] as const)
      assert.equal(pattern(value)?.test(`spiffe://${domain}/ns/a/sa/b`), fits, `${value} ${domain}`);
    assert.equal(pattern('prod*')?.test('spiffe://test/ns/prod/sa/b'), false);
    assert.equal(pattern('*prod')?.test('spiffe://test/ns/prod/sa/b'), false);
  });
  it('means a principal in every alias of the trust domain', () => {
    const made = text({ from: [{ source: { principals: ['cluster.local/ns/a/sa/b'] } }] });
    assert.match(made, /spiffe:\/\/td1\/ns\/a\/sa\/b/);
    assert.match(made, /spiffe:\/\/td2\/ns\/a\/sa\/b/);
  });
  it('takes trust domains of others as they are, and adds ours to an end that fits one of ours', () => {
    const principals = (value: string) => text({ from: [{ source: { principals: [value] } }] });
    assert.doesNotMatch(principals('other/ns/a/sa/b'), /td[12]/);
    assert.doesNotMatch(principals('*other/ns/a/sa/b'), /td[12]/);
    assert.match(principals('*/ns/a/sa/b'), /"suffix","value":"\/ns\/a\/sa\/b"/);
    const fits = principals('*d2/ns/a/sa/b');
    assert.match(fits, /"suffix","value":"d2\/ns\/a\/sa\/b"/);
    assert.match(fits, /spiffe:\/\/td1\/ns\/a\/sa\/b/);
    assert.match(
      text({ when: [{ key: 'source.principal', values: ['cluster.local/ns/a/*'] }] }),
      /spiffe:\/\/td1\/ns\/a\//,
    );
  });
  it('means the bound port of a declared one', () => {
    assert.match(text({ to: [{ operation: { ports: ['9080'] } }] }, { boundPort: () => 21_080 }), /21080/);
  });
});

const name = fc.string({ minLength: 1, maxLength: 12 }).filter((s) => !s.includes('/') && s !== '*');

describe('names', () => {
  it('never become patterns', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        const made = text({
          from: [{ source: { principals: [`${a}/ns/${b}`], namespaces: [b], serviceAccounts: [a] } }],
          to: [{ operation: { hosts: [a], methods: [b] } }],
        });
        assert.ok(!made.includes('"safeRegex"'));
      }),
    );
  });
});

/** What a StringMatcher on an identity says. */
function matches(matcher: { readonly case?: string; readonly value?: unknown }, identity: string): boolean {
  const value = String(matcher.value);
  if (matcher.case === 'exact') return identity === value;
  if (matcher.case === 'prefix') return identity.startsWith(value);
  if (matcher.case === 'suffix') return identity.endsWith(value);
  return identity.includes(value);
}
function holds(id: unknown, identity: string): boolean {
  const { identifier } = id as { identifier: { case: string; value: unknown } };
  const value = identifier.value as Record<string, unknown>;
  switch (identifier.case) {
    case 'andIds':
      return (value['ids'] as unknown[]).every((inner) => holds(inner, identity));
    case 'orIds':
      return (value['ids'] as unknown[]).some((inner) => holds(inner, identity));
    case 'notId':
      return !holds(identifier.value, identity);
    default:
      return matches(
        (value['principalName'] as { matchPattern: { case?: string; value?: unknown } }).matchPattern,
        identity,
      );
  }
}

const dns = fc.constantFrom('ns', 'sa', 'a', 'b', 'team-a', 'a-ns', 'x-sa', 's', 'sam');

describe('a namespace', () => {
  it('is matched as itself and nothing else, with a star at either end too', () => {
    fc.assert(
      fc.property(dns, dns, dns, fc.constantFrom('exact', 'prefix', 'suffix'), (namespace, account, wanted, kind) => {
        const pattern = kind === 'exact' ? wanted : kind === 'prefix' ? `${wanted}*` : `*${wanted}`;
        const expected =
          kind === 'exact'
            ? namespace === wanted
            : kind === 'prefix'
              ? namespace.startsWith(wanted)
              : namespace.endsWith(wanted);
        const policy = rbacPolicy({ from: [{ source: { namespaces: [pattern] } }] }, context());
        assert.equal(
          holds(policy?.principals?.[0], `spiffe://td1/ns/${namespace}/sa/${account}`),
          expected,
          `${pattern} on ${namespace}/${account}`,
        );
      }),
      { numRuns: 500 },
    );
  });
});
