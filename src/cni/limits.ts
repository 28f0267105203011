// Bounds of what the CNI plugin and its agent read.

/** Bytes of a network configuration on standard input: prevResult and pod annotations (256 KiB in Kubernetes) are in it. */
export const REQUEST_BYTES = 1 << 20;
/** Bytes of a file in the node's CNI folder. */
export const CONF_BYTES = 1 << 20;
