// Annotations of Topsail's own on MeshConfig: what Istio's API has no field for. docs/annotations.md tells what they mean.

/** `strict` holds back what is not owned; `warn`, the default, lets it through as Istio does. */
export const OWNERSHIP_ANNOTATION = 'topsail.io/host-ownership';
/** How our proxy balances where no DestinationRule says; Envoy does it as it always does. */
export const BALANCER_ANNOTATION = 'topsail.io/default-load-balancer';
/** `true` has refusals name policy and rule in a response header; whoever is refused can read it. */
export const DENIED_BY_ANNOTATION = 'topsail.io/denied-by-header';

/** A misspelled value would quietly mean the default: others are refused. */
export const MESH_ANNOTATION_VALUES: ReadonlyMap<string, readonly string[]> = new Map([
  [OWNERSHIP_ANNOTATION, ['strict', 'warn']],
  [BALANCER_ANNOTATION, ['PEAK_EWMA']],
  [DENIED_BY_ANNOTATION, ['true', 'false']],
]);
