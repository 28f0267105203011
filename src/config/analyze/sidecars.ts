// Sidecars of one namespace that are all for every workload of it: one counts.

import type { Complaint } from '../model/complaint.ts';
import type { ConfigView } from '../model/view.ts';
import { finding, nameOf } from './findings.ts';

export function analyzeSidecars(view: ConfigView): Complaint[] {
  const whole = view
    .list('Sidecar')
    .filter(({ spec }) => Object.keys(spec.workloadSelector?.labels ?? {}).length === 0);
  const found: Complaint[] = [];
  for (const [namespace, same] of Map.groupBy(whole, (object) => object.metadata.namespace)) {
    if (same.length < 2) continue;
    for (const object of same)
      found.push(finding('IST0111', object, ['spec'], { objects: same.map(nameOf).join(', '), namespace }));
  }
  return found;
}
