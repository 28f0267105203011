// Writes what RBAC decided where logs, metrics and other filters look for it.

import type { DynamicMetadata, StreamRecord } from '#telemetry';
import type { RbacDecision } from './engine.ts';

interface Notes {
  readonly kind: 'shadow' | 'enforced';
  readonly prefix: string;
  readonly filter: string;
  /** What a record has when nobody wrote before. */
  readonly alone: DynamicMetadata;
  readonly fields: Readonly<Record<string, unknown>>;
}

const allNotes = new WeakMap<RbacDecision, Notes>();

/** The notes of one decision: the same for every request it is made for, and never changed. */
function notesOf(filter: string, kind: Notes['kind'], prefix: string, decision: RbacDecision): Notes {
  const known = allNotes.get(decision);
  if (known?.kind === kind && known.prefix === prefix && known.filter === filter) return known;
  const key = `${prefix}${kind}`;
  const fields: Record<string, unknown> = {};
  if (decision.policy !== '') fields[`${key}_effective_policy_id`] = decision.policy;
  fields[`${key}_engine_result`] = decision.allowed ? 'allowed' : 'denied';
  const notes = { kind, prefix, filter, alone: new Map([[filter, fields]]), fields };
  allNotes.set(decision, notes);
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
  const notes = notesOf(filter, kind, prefix, decision);
  if (record.metadata === undefined) record.metadata = notes.alone;
  else record.addMetadata(filter, notes.fields);
  if (kind === 'enforced') record.policyRule = decision.policy;
  // What only marks requests for an external decision is no dry run.
  else if (!prefix.startsWith('istio_ext_authz_')) {
    record.shadowPolicyRule = decision.policy;
    record.shadowDenied = !decision.allowed;
  }
}

/** `policy`: what an AUDIT rule matched; '' = none did. Envoy's access log reads the hint, ours the name too. */
export function noteLog(record: StreamRecord, filter: string, policy: string): void {
  const hinted = record.metadata?.get('envoy.common')?.['access_log_hint'] === true;
  record.addMetadata('envoy.common', { access_log_hint: hinted || policy !== '' });
  if (policy !== '') record.addMetadata(filter, { audit_effective_policy_id: policy });
}
