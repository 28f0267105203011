// Writes what RBAC decided where logs, metrics and other filters look for it.

import type { StreamRecord } from '#telemetry';
import type { RbacDecision } from './engine.ts';

type Notes = Record<string, unknown>;
const allNotes = new WeakMap<RbacDecision, { readonly key: string; readonly notes: Notes }>();

/** The notes of one decision: the same for every request it is made for, and never changed. */
function notesOf(kind: 'shadow' | 'enforced', prefix: string, decision: RbacDecision): Notes {
  const key = `${prefix}${kind}`;
  const known = allNotes.get(decision);
  if (known?.key === key) return known.notes;
  const notes: Notes = {};
  if (decision.policy !== '') notes[`${key}_effective_policy_id`] = decision.policy;
  notes[`${key}_engine_result`] = decision.allowed ? 'allowed' : 'denied';
  allNotes.set(decision, { key, notes });
  return notes;
}

/** Keys as Envoy's: "<prefix>shadow_effective_policy_id", "<prefix>shadow_engine_result". */
export function noteDecision(
  record: StreamRecord,
  filter: string,
  kind: 'shadow' | 'enforced',
  prefix: string,
  decision: RbacDecision,
): void {
  record.metadata ??= new Map();
  const before = record.metadata.get(filter);
  const notes = notesOf(kind, prefix, decision);
  record.metadata.set(filter, before === undefined ? notes : { ...before, ...notes });
  if (kind === 'enforced') record.policyRule = decision.policy;
  // What only marks requests for an external decision is no dry run.
  else if (!prefix.startsWith('istio_ext_authz_')) {
    record.shadowPolicyRule = decision.policy;
    record.shadowDenied = !decision.allowed;
  }
}

/** `policy`: what an AUDIT rule matched; '' = none did. Envoy's access log reads the hint, ours the name too. */
export function noteLog(record: StreamRecord, filter: string, policy: string): void {
  const all = (record.metadata ??= new Map());
  const hinted = all.get('envoy.common')?.['access_log_hint'] === true;
  all.set('envoy.common', { ...all.get('envoy.common'), access_log_hint: hinted || policy !== '' });
  if (policy !== '') all.set(filter, { ...all.get(filter), audit_effective_policy_id: policy });
}
