// Beside the application: identity, environment, health, and what goes back to the control plane.
export { LEAVING } from './leaving.ts';
export { CAPTURE_TABLE, nftRules } from './capture/nft-rules.ts';
export * from './capture/index.ts';
export { childEnv, type ChildEnvFacts, type ServiceAddress, serviceOfCluster } from './child-env.ts';
export { CONTROL_PLANE_BACKOFF } from './control-plane-backoff.ts';
export { encodeHello, encodeSummary, encodeTap, type HelloFacts } from './encode-report.ts';
export * from './dns/index.ts';
export { HealthProbe } from './health-probe.ts';
export { loopbackBlock, type NodeFacts, nodeMetadata } from './node-metadata.ts';
export { mergeMetrics } from './merge-metrics.ts';
export { parseDownwardApi, type PodEnvironment, readPodEnvironment } from './pod-environment.ts';
export { RemoteSecrets } from './remote-secrets.ts';
export { makeSignCsr } from './sign-csr.ts';
export { TapStation, type TapStationOptions } from './tap-station.ts';
export { TelemetryReporter } from './telemetry-reporter.ts';
export { type DeclaredPort, readWorkloadSpec, type WorkloadSpec } from './workload-spec.ts';
export * from './envoy/index.ts';
