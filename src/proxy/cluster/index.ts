// Clusters as policy: live hosts, balancing, outlier detection, circuit breakers.
export { type Assignment, readAssignment, socketKey } from './assignment.ts';
export { type KeptAssignment, readKeptAssignment } from './kept-assignment.ts';
export { Balancer } from './balancer.ts';
export { Breaker, ClusterBreakers } from './breaker.ts';
export { ClusterHosts, type HostChanges, type HostPolicy } from './cluster-hosts.ts';
export { chooseFamily } from './dns-family.ts';
export { type ForwardAnswer, ForwardHosts, type ForwardSettings, readForwardSettings } from './forward-hosts.ts';
export * from './host.ts';
export { observeResponseTime } from './lb/peak-ewma.ts';
export { type LbOptions, type LbPolicy, type LbSettings, readLbSettings } from './lb-settings.ts';
export { OriginalDestinationHosts, type OriginalDestinationSettings } from './original-destination.ts';
export { type EjectionListener, type HostOutcome, OutlierDetector } from './outlier.ts';
export { type EjectionCause, type OutlierSettings, readOutlierSettings } from './outlier-settings.ts';
export * from './pick-context.ts';
export { type PriorityLoads, type PrioritySet, spreadLoad } from './priority.ts';
