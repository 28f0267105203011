// Findings across objects that the texts alone show, with Istio's analyzer codes: pure functions over a view. Warnings and
// notes: all of it is in force as it is written, and some of it without effect.

import type { Complaint } from '../model/complaint.ts';
import type { ConfigView } from '../model/view.ts';
import { analyzeGateways, unservedHosts } from './gateways.ts';
import { analyzeSidecars } from './sidecars.ts';
import { unreachableRules } from './unreachable.ts';

export { FINDINGS, type FindingCode } from './findings.ts';

export function analyze(view: ConfigView): readonly Complaint[] {
  return [
    ...view.list('VirtualService').flatMap(unreachableRules),
    ...view.list('VirtualService').flatMap((object) => unservedHosts(view, object)),
    ...analyzeGateways(view),
    ...analyzeSidecars(view),
  ];
}
