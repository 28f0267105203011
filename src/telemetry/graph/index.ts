export {
  EdgeAggregator,
  type EdgeSampleInit,
  type ProxyHealthReading,
  type SummaryInit,
} from './edge-aggregator.ts';
export { faultWords } from './fault-words.ts';
export { injectedFault } from './injected-fault.ts';
export { isUndeclared, passThroughWords, type Undeclared } from './pass-through.ts';
export { LATENCY_BOUNDS } from './latency.ts';
export type { RouteSampleInit } from './route-aggregator.ts';
export { RouteTraffic, type RouteView } from './route-traffic.ts';
export { denialOf, isFailure } from './failure.ts';
export { denialWords, type DenyingRule, denyingRule, exceededLimit, limitingRule } from './denial-words.ts';
export { type DestinationName, nameDestination, serviceOfHost, wasSpokenTo } from './name-destination.ts';
export { TrafficGraph } from './traffic-graph.ts';
export type {
  EdgeView,
  GraphPeer,
  SeriesFilter,
  SeriesStep,
  TrafficView,
  WorkloadView,
} from './traffic-views.ts';
export { ToldTime } from './told-time.ts';
export { type Verdict, type VerdictCode, verdictOf } from './verdict.ts';
export { tapRecord, type TapPeer, type TapRecordJson } from './tap-record.ts';
export { requestTree, type TreeHop } from './request-tree.ts';
export { type PlacedHop, verdictInTree } from './verdict-in-tree.ts';
