// Writes what RBAC decided where logs, metrics and other filters look for it.

import type { StreamRecord } from '#telemetry';
import type { RbacDecision } from './engine.ts';

/** Keys as Envoy's: "<prefix>shadow_effective_policy_id", "<prefix>shadow_engine_result". */
export function noteDecision(record: StreamRecord, filter: string, kind: 'shadow' | 'enforced', prefix: string, decision: RbacDecision): void {
  record.metadata ??= new Map();
  let notes = record.metadata.get(filter);
  if (notes === undefined) record.metadata.set(filter, (notes = {}));
  if (decision.policy !== '') notes[`${prefix}${kind}_effective_policy_id`] = decision.policy;
  notes[`${prefix}${kind}_engine_result`] = decision.allowed ? 'allowed' : 'denied';
  if (kind === 'enforced') record.policyRule = decision.policy;
  // What only marks requests for an external decision is no dry run.
  else if (!prefix.startsWith('istio_ext_authz_')) {
    record.shadowPolicyRule = decision.policy;
    record.shadowDenied = !decision.allowed;
  }
}

export function noteLog(record: StreamRecord, matched: boolean): void {
  record.metadata ??= new Map();
  record.metadata.set('envoy.common', { ...record.metadata.get('envoy.common'), access_log_hint: matched });
}
