// Findings across objects, with Istio's analyzer codes: pure functions over a view.

import type { Complaint } from '../model/complaint.ts';
import type { ConfigView } from '../model/view.ts';
import { AnalysisContext, type AnalyzeOptions } from './context.ts';
import {
  analyzeDestinationRules,
  analyzeGateways,
  analyzeSelectors,
  analyzeServices,
  analyzeSidecars,
} from './others.ts';
import { analyzeVirtualServices } from './virtual-services.ts';

export type { AnalyzedWorkload, AnalyzeOptions } from './context.ts';
export { FINDINGS, type FindingCode } from './findings.ts';

const ANALYZERS = [
  analyzeVirtualServices,
  analyzeDestinationRules,
  analyzeGateways,
  analyzeSidecars,
  analyzeServices,
  analyzeSelectors,
];

export function analyze(view: ConfigView, options: AnalyzeOptions = {}): Complaint[] {
  const context = new AnalysisContext(view, options);
  return ANALYZERS.flatMap((analyzer) => analyzer(context));
}
