// What `topsail authz` prints, word by word: policies of a workload, what decided a request, and the nearest miss.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthzAnswerJson, AuthzPolicyJson } from '#api';
import { authzCheck, authzExplain, type ExplainOptions } from './authz.ts';
import { fakeContext } from './context.testing.ts';

const POLICIES: readonly AuthzPolicyJson[] = [
  { action: 'CUSTOM', namespace: 'shop', name: 'ask-opa', rules: 1, dryRun: false },
  { action: 'DENY', namespace: 'istio-system', name: 'no-admin', rules: 2, dryRun: false },
  { action: 'ALLOW', namespace: 'shop', name: 'reviews-read', rules: 12, dryRun: true },
];
const ANSWER: AuthzAnswerJson = {
  workload: 'reviews-v1.shop',
  decision: 'denied',
  decidedBy: undefined,
  reason: 'there are ALLOW policies and none matches',
  asks: [],
  notes: [],
  nearest: {
    action: 'ALLOW',
    namespace: 'shop',
    name: 'reviews-read',
    rule: 1,
    missing: [
      { field: 'method', wanted: 'GET', found: 'DELETE' },
      { field: 'header x-team', wanted: 'blue*', found: '' },
    ],
  },
};
const ASK: ExplainOptions = { to: 'reviews-v1', method: 'DELETE', path: '/reviews/1', header: [] };

test('authz check prints the policies of a workload as a table', async () => {
  const fake = fakeContext({ answers: { '/api/v1/authz/reviews-v1': POLICIES } });
  assert.equal(await authzCheck(fake.context, 'reviews-v1', { home: fake.home }), 0);
  assert.equal(
    fake.out(),
    [
      'ACTION            AuthorizationPolicy     RULES',
      'CUSTOM            ask-opa.shop            1',
      'DENY              no-admin.istio-system   2',
      'ALLOW (dry run)   reviews-read.shop       12',
      '',
    ].join('\n'),
  );
});

test('authz check says when no policy applies, prints JSON when asked, and names who is unknown', async () => {
  const none = fakeContext({ answers: { '/api/v1/authz/details': [] } });
  await authzCheck(none.context, 'details', { home: none.home });
  assert.equal(none.out(), 'No AuthorizationPolicy applies to details: every request is allowed.\n');
  const json = fakeContext({ answers: { '/api/v1/authz/reviews-v1': POLICIES } });
  await authzCheck(json.context, 'reviews-v1', { home: json.home, output: 'json' });
  assert.deepEqual(JSON.parse(json.out()), POLICIES);
  const unknown = fakeContext({});
  await assert.rejects(authzCheck(unknown.context, 'nobody', { home: unknown.home }), /nobody/);
});

async function explained(answer: AuthzAnswerJson, ask: ExplainOptions = ASK): Promise<{ text: string; code: number }> {
  const fake = fakeContext({ answers: { '/api/v1/authz/reviews-v1/explain': answer } });
  const code = await authzExplain(fake.context, { ...ask, home: fake.home });
  return { text: fake.out(), code };
}

test('authz explain says what would have to be different: the nearest miss', async () => {
  const { text, code } = await explained(ANSWER);
  assert.equal(
    text,
    [
      'DENIED at reviews-v1.shop because there are ALLOW policies and none matches.',
      'Nearest miss: ALLOW policy shop/reviews-read, rule 1',
      '  method asks for GET; the request has DELETE',
      '  header x-team asks for blue*',
      '',
    ].join('\n'),
  );
  assert.equal(code, 2);
});

test('authz explain says of a field that excludes what the request has of it', async () => {
  const nearest = {
    action: 'DENY',
    namespace: 'shop',
    name: 'only-good',
    rule: 0,
    missing: [
      {
        field: 'from[0].source.notPrincipals',
        wanted: 'cluster.local/ns/a/sa/good',
        found: 'cluster.local/ns/a/sa/good',
      },
      { field: 'to[0].operation.notPaths', wanted: '/a/*, /b', found: '/a/c' },
    ],
  };
  const { text } = await explained({ ...ANSWER, decision: 'allowed', nearest });
  assert.deepEqual(text.split('\n').slice(1), [
    'Nearest miss: DENY policy shop/only-good, rule 0',
    '  from[0].source.notPrincipals excludes cluster.local/ns/a/sa/good, and the request has it',
    '  to[0].operation.notPaths excludes /a/*, /b, and the request has /a/c',
    '',
  ]);
});

test('authz explain names the rule that decided, who is asked before it and what only notes the request', async () => {
  const rule = { action: 'DENY', namespace: 'istio-system', name: 'no-admin', rule: 0 };
  const { text, code } = await explained({
    ...ANSWER,
    decidedBy: rule,
    asks: [{ ...rule, action: 'CUSTOM', namespace: 'shop', name: 'ask-opa', provider: 'opa' }],
    notes: [{ ...rule, action: 'AUDIT', name: 'seen' }],
    nearest: undefined,
  });
  assert.equal(
    text,
    [
      'DENIED at reviews-v1.shop by DENY policy istio-system/no-admin, rule 0.',
      'Before that, CUSTOM policy shop/ask-opa, rule 0 asks the provider opa, which may deny.',
      'AUDIT policy istio-system/seen, rule 0 matches too, and only notes it.',
      '',
    ].join('\n'),
  );
  assert.equal(code, 2);
  const allowed = await explained({ ...ANSWER, decision: 'allowed', reason: 'no policy applies', nearest: undefined });
  assert.deepEqual(allowed, { text: 'ALLOWED at reviews-v1.shop because no policy applies.\n', code: 0 });
});

test('authz explain takes claims as JSON only', async () => {
  await assert.rejects(explained(ANSWER, { ...ASK, claims: '[1]' }), /--claims is no JSON object/);
});
