// The ports and addresses of a captured network namespace (design §5): Istio's, so that rules and tools look familiar.

export const CAPTURE_PORTS = { outbound: 15_001, inbound: 15_006, dns: 15_053 } as const;

/** The proxy speaks to the application from here; the rules let that through (inventory §4). */
export const PROXY_SOURCE = '127.0.0.6';

/** Istio's marks: of packets between a transparent proxy and its application, and of the pod's calls to itself. */
export const TRANSPARENT_MARK = 1337;
export const TO_ITSELF_MARK = 1338;

/** What the workload is called in its own namespace when nothing outside needs to reach it by address: RFC 2544's block, which nobody routes. */
export const INNER_ADDRESS = '198.18.255.1';
