// Bounds of the xDS server and client, each with its unit and the argument for its size.

export const XDS_LIMITS = {
  /** Types one stream may ask for. Envoy and the agents ask for about ten. */
  typesMax: 32,
  /** Names subscribed to on one stream, over all types: ten thousand services with three types each. */
  namesMax: 50_000,
  /** Characters of one resource name. */
  nameLengthMax: 2048,
  /** Characters of a node's id: a pod's name and namespace have at most 318. */
  nodeIdMax: 1024,
  /** Characters of a node as JSON, which is kept as long as its stream: Kubernetes allows 256 kB of annotations. */
  nodeCharactersMax: 1024 * 1024,
  /** Names of one request from which on its list is remembered for other clients: shorter ones are read as fast. */
  repeatedNamesMin: 64,
  /** Such lists that are remembered: clients of a few namespaces and kinds connect at a time. */
  repeatedNamesKept: 16,
  /** Bytes of a list that is remembered: about ten thousand names. */
  repeatedNamesBytesMax: 1024 * 1024,
  /** Bytes of one request: ten thousand names with versions are about 1 MB. */
  requestBytesMax: 16 * 1024 * 1024,
  /** Bytes of one response that a client takes: a whole mesh's clusters. */
  responseBytesMax: 128 * 1024 * 1024,
  /** Responses of one type waiting for their answer; more are not sent before one is answered. */
  outstandingMax: 32,
  /** ms until a stream has to have sent its node and passed the check. */
  firstRequestMs: 15_000,
  /** ms that one step of a push may wait for acknowledgements (design 5). */
  stepMs: 5000,
  /** ms that one turn of the loop may spend on pushes before it lets others run. */
  turnMs: 5,
  /** Characters kept of a client's rejection. */
  detailMax: 4096,
} as const;
