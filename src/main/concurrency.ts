// How many threads carry a proxy's traffic: what its command line or its ProxyConfig says, within bounds.

const MOST_WORKERS = 64;

/** As in Envoy 0 is one worker. Throws an Error for what is no number of workers. */
export function readConcurrency(text: string): number {
  if (text === '') return 1;
  if (!/^\d{1,3}$/.test(text) || Number(text) > MOST_WORKERS)
    throw new Error(`--concurrency: "${text}" is no number of workers; give 1 to ${MOST_WORKERS}`);
  return Math.max(1, Number(text));
}

/** ProxyConfig: 0 is one for each core, as in Istio. Without the field one: what two cost is in docs/performance.md. */
export function podConcurrency(proxyConfig: Readonly<Record<string, unknown>>, cores: number): number {
  const asked = proxyConfig['concurrency'];
  if (typeof asked !== 'number' || !Number.isInteger(asked) || asked < 0) return 1;
  return Math.min(MOST_WORKERS, asked === 0 ? Math.max(1, cores) : asked);
}
