// Host names: short names made whole in a namespace, and wildcard patterns compared (Istio's pkg/config/host).

/** `reviews`, `reviews.books` and `reviews.books.svc` become full names when a service of that name exists. */
export function resolveHost(
  host: string,
  namespace: string,
  options: { readonly domain: string; readonly exists: (host: string) => boolean },
): string {
  const text = sameHost(host);
  if (text.startsWith('*') || text === '' || isIpAddress(text)) return text;
  if (!text.includes('.')) return `${text}.${namespace}.svc.${options.domain}`;
  if (options.exists(text)) return text;
  const parts = text.split('.');
  if (parts.length === 2 || (parts.length === 3 && parts[2] === 'svc')) {
    const full = `${parts[0]}.${parts[1]}.svc.${options.domain}`;
    if (options.exists(full)) return full;
  }
  return text;
}

/** One spelling of a name: case does not matter, and neither does the root's dot. */
export function sameHost(host: string): string {
  const text = host.toLowerCase();
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** True when every name that `narrow` stands for is one that `wide` stands for. */
export function hostCovers(wide: string, narrow: string): boolean {
  if (wide === '*' || wide === narrow) return true;
  if (!isWildcard(wide)) return false;
  const suffix = wide.slice(1);
  if (!isWildcard(narrow)) return narrow.length > suffix.length && narrow.endsWith(suffix);
  return narrow.length > wide.length && narrow.slice(1).endsWith(suffix);
}

export function hostsOverlap(a: string, b: string): boolean {
  return hostCovers(a, b) || hostCovers(b, a);
}

/** The narrower of two overlapping patterns; undefined when they do not overlap. */
export function narrowerHost(a: string, b: string): string | undefined {
  if (hostCovers(a, b)) return b;
  return hostCovers(b, a) ? a : undefined;
}

/** Exact names first, then longer wildcards: the order in which Istio looks for the best pattern. */
export function bySpecificity(a: string, b: string): number {
  const wild = Number(isWildcard(a)) - Number(isWildcard(b));
  if (wild !== 0) return wild;
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

export function isIpAddress(text: string): boolean {
  return IPV4.test(text) || (text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text));
}
