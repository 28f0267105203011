// Istio's annotations that have no effect on this data plane: said when a pod comes with one, never silently dropped.
const SIDECAR = 'sidecar.istio.io/';
const NO_ENVOY_BOOTSTRAP = "our proxy has no bootstrap of Envoy's: use ProxyConfig or EnvoyFilter";
const TELEMETRY = 'metrics are chosen by Telemetry objects';
/** Why, and what to use instead. */
const UNUSED: Readonly<Record<string, string>> = {
  [`${SIDECAR}proxyImageType`]: `there is one image: name another one with ${SIDECAR}proxyImage`,
  [`${SIDECAR}bootstrapOverride`]: NO_ENVOY_BOOTSTRAP,
  [`${SIDECAR}statsInclusionPrefixes`]: TELEMETRY,
  [`${SIDECAR}statsInclusionSuffixes`]: TELEMETRY,
  [`${SIDECAR}statsInclusionRegexps`]: TELEMETRY,
  [`${SIDECAR}extraStatTags`]: TELEMETRY,
  [`${SIDECAR}statsCompression`]: 'metrics are sent as they are',
  [`${SIDECAR}statsHistogramBuckets`]: 'the buckets of histograms are the same for all pods',
  [`${SIDECAR}statsHistogramBins`]: 'the buckets of histograms are the same for all pods',
  [`${SIDECAR}statsFlushInterval`]: 'metrics are read when they are asked for',
  [`${SIDECAR}statsEvictionInterval`]: 'series end by themselves when nothing counts in them',
  [`${SIDECAR}componentLogLevel`]: `one level is for all: ${SIDECAR}logLevel`,
  [`${SIDECAR}agentLogLevel`]: `one level is for agent and proxy: ${SIDECAR}logLevel`,
  [`${SIDECAR}capNetBindService`]: 'the proxy binds no port below 1024',
  [`${SIDECAR}enableCoreDump`]: 'the kubelet decides about core dumps here',
  'readiness.status.sidecar.istio.io/applicationPorts': "the application's own probes say when it is ready",
};

/** One sentence for each that the pod carries. */
export function unusedAnnotations(annotations: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(annotations)
    .filter((name) => Object.hasOwn(UNUSED, name))
    .sort()
    .map((name) => `metadata.annotations[${name}] has no effect: ${UNUSED[name]}`);
}
