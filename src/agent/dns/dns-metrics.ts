// What the workload's resolver counts, under Istio's names (dns_*).

/** Seconds; Istio's own buckets. */
const BOUNDS: readonly number[] = [0.005, 0.01, 0.1, 0.5, 1, 5, 10];

export class DnsMetrics {
  requests = 0;
  upstreamRequests = 0;
  upstreamFailures = 0;
  readonly #buckets = new Float64Array(BOUNDS.length + 1);
  #seconds = 0;

  upstreamAnswered(ms: number): void {
    const seconds = ms / 1000;
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? BOUNDS.length : at;
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#seconds += seconds;
  }

  render(): string {
    let text = '';
    for (const [name, help, value] of [
      ['dns_requests_total', 'DNS requests.', this.requests],
      ['dns_upstream_requests_total', 'DNS requests forwarded to the host’s resolvers.', this.upstreamRequests],
      ['dns_upstream_failures_total', 'Forwarded DNS requests without an answer.', this.upstreamFailures],
    ] as const)
      text += `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${value}\n`;
    const family = 'dns_upstream_request_duration_seconds';
    text += `# HELP ${family} Time until a resolver answered.\n# TYPE ${family} histogram\n`;
    let count = 0;
    for (let i = 0; i <= BOUNDS.length; i++) {
      count += this.#buckets[i] as number;
      text += `${family}_bucket{le="${BOUNDS[i] ?? '+Inf'}"} ${count}\n`;
    }
    return `${text}${family}_sum ${this.#seconds}\n${family}_count ${count}\n`;
  }
}
