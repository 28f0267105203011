// What configuration may cost before it is refused.

/** Bytes of one file; a Kubernetes object has at most 1.5 MiB, a file may hold many. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Documents of one file. */
export const MAX_DOCUMENTS = 10_000;
/** Bytes of one document: Kubernetes' own limit for an object. */
export const MAX_DOCUMENT_BYTES = 1536 * 1024;
/** Values of one document after aliases are resolved; 4,096 endpoints of 10 fields fit several times. */
export const MAX_VALUES = 200_000;
/** Levels of nesting; Istio's deepest field is 14 levels down, an Envoy patch somewhat more. */
export const MAX_DEPTH = 64;
/** Complaints kept for one document; the rest adds nothing. */
export const MAX_PROBLEMS = 100;
/** Files of the configuration folder. */
export const MAX_FILES = 10_000;
