// Findings in statuses: told when they have lasted, taken back at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Complaint } from '#config';
import { findingsCondition, StatusFindings, validationMessage } from './status-findings.ts';

const finding = (object: string, code = 'TS-REG-026', more: Partial<Complaint> = {}): Complaint => ({
  code,
  severity: 'warning',
  file: 'a.yaml',
  line: 3,
  column: 1,
  object,
  path: 'spec.selector',
  message: 'nobody has the label',
  remedy: 'Correct it.',
  page: `errors.md#${code.toLowerCase()}`,
  ...more,
});
const A = 'AuthorizationPolicy/shop/a';
const OF_A = 'AuthorizationPolicy shop/a';

test('a finding is told once it has lasted, and no longer as soon as it is gone', () => {
  const findings = new StatusFindings();
  assert.deepEqual([...findings.look([finding(OF_A)], 1_000)], []);
  assert.deepEqual(findings.of(A), []);
  assert.deepEqual([...findings.look([finding(OF_A)], 6_000)], [A]);
  assert.deepEqual(findings.of(A), [finding(OF_A)]);
  assert.deepEqual([...findings.look([finding(OF_A)], 11_000)], [], 'nothing new');
  assert.deepEqual([...findings.look([], 16_000)], [A]);
  assert.deepEqual(findings.of(A), []);
});

test('one that comes and goes between looks is not told, nor one that has just come back', () => {
  const findings = new StatusFindings();
  findings.look([finding(OF_A)], 0);
  findings.look([], 5_000);
  assert.deepEqual([...findings.look([finding(OF_A)], 10_000)], []);
  assert.deepEqual([...findings.look([finding(OF_A)], 12_000)], [], 'two seconds are not long');
});

test('other words for the same finding are told at once', () => {
  const findings = new StatusFindings();
  findings.look([finding(OF_A)], 0);
  findings.look([finding(OF_A)], 5_000);
  const reworded = finding(OF_A, 'TS-REG-026', { message: 'nobody has it, though one of namespace b has' });
  assert.deepEqual([...findings.look([reworded], 10_000)], [A]);
  assert.deepEqual(findings.of(A), [reworded]);
});

test('two findings of one code at one place are told both', () => {
  const findings = new StatusFindings();
  const both = [finding(OF_A), finding(OF_A, 'TS-REG-026', { message: 'nor the other one' })];
  findings.look(both, 0, { atOnce: true });
  assert.deepEqual(findings.of(A), both);
});

test('whoever begins to write tells at once what is found then', () => {
  const findings = new StatusFindings();
  findings.look([finding(OF_A)], 0, { atOnce: true });
  assert.deepEqual(findings.of(A), [finding(OF_A)]);
});

test('the condition names the worst of them and what each says; without any there is none', () => {
  assert.equal(findingsCondition([]), undefined);
  assert.deepEqual(
    findingsCondition([finding(OF_A), finding(OF_A, 'TS-REG-002', { severity: 'error', path: '', nearest: 'b' })]),
    {
      type: 'PassedAnalysis',
      status: 'False',
      reason: 'ErrorsFound',
      message: 'TS-REG-002: nobody has the label; TS-REG-026 spec.selector: nobody has the label',
    },
  );
  const many = Array.from({ length: 12 }, (_, i) => finding(OF_A, `TS-REG-${i}`, { severity: 'info' }));
  const { reason, message = '' } = findingsCondition(many) ?? {};
  assert.equal(reason, 'InfosFound');
  assert.match(message, /; and 2 more$/);
});

test("a message has the shape of Istio's", () => {
  assert.deepEqual(validationMessage(finding(OF_A)), {
    type: { code: 'TS-REG-026' },
    level: 'WARNING',
    documentationUrl: 'docs/errors.md#ts-reg-026',
  });
});
