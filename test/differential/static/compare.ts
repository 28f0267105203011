// What of an answer, an arrival and an access log line compares, and what differs by nature.
import type { Answer } from './client.ts';
import type { Facts } from './model.ts';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const ABOUT_THE_CONNECTION = /^(connection|keep-alive|transfer-encoding|content-length|date|server):/i;
const PORTS = /127\.0\.0\.(\d+):\d{5}/g;

export function factsOf(answer: Answer, arrivals: readonly string[], log: string): Facts {
  return {
    status: answer.status,
    'answer headers': linesOf(answer.lines),
    'answer body': oneSpelling(answer.body),
    attempts: String(arrivals.length),
    arrivals: arrivals.map(arrivalOf).join('\n\n'),
    // Which route it would have taken is not asked of a path that is refused.
    log: oneSpelling(log.replace(/(path_normalization_failed\|).*/, '$1')),
  };
}

function arrivalOf(text: string): string {
  const end = text.indexOf('\n\n');
  const all = text.slice(0, end).split('\n');
  const h2 = all[0]?.startsWith(':') === true;
  const [start, lines] = h2 ? ['', all] : [all[0] ?? '', all.slice(1)];
  return [oneSpelling(start), linesOf(lines), text.slice(end)].join('\n');
}

/** Sorted by name; lines of one name are one list (RFC 9110 §5.3), cookies apart. */
function linesOf(lines: readonly string[]): string {
  const values = new Map<string, string>();
  for (const line of lines.filter((one) => !ABOUT_THE_CONNECTION.test(one))) {
    const colon = line.indexOf(':', 1);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const had = values.get(name);
    values.set(name, had === undefined ? value : had + (name === 'set-cookie' ? `\n${name}: ` : ',') + value);
  }
  const spelled = [...values].sort(([one], [other]) => (one < other ? -1 : 1));
  return spelled
    .map(([name, value]) => oneSpelling(`${name}: ${value.replaceAll(', ', ',').replace(/,$/, '')}`))
    .join('\n');
}

/** Ids, times and ports are any. */
function oneSpelling(text: string): string {
  return (
    text
      .replace(UUID, 'UUID')
      .replace(PORTS, '127.0.0.$1:PORT')
      .replace(/^(x-envoy-upstream-service-time): \d+/i, '$1: N')
      .replace(/^(x-forwarded-port): \d{5}/i, '$1: N')
      .replace(/^(x-envoy-expected-rq-timeout-ms): \d{4,5}$/i, '$1: N')
      // Callers on loopback: docs/scenarios.md.
      .replace(/\b(192\.0\.2|172\.\d+\.\d+|10\.0\.\d+)\.\d+$/i, '127.0.0.1')
      .replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase())
  );
}

/** The names of facts that differ. */
export function differing(a: Facts, b: Facts): readonly string[] {
  return Object.keys(a).filter((name) => a[name] !== b[name]);
}

/** Each fact that differs, by the lines that only one of the planes has. */
export function differingLines(topsail: Facts, envoy: Facts): readonly string[] {
  return differing(topsail, envoy).map((name) => {
    const [ours, theirs] = [topsail, envoy].map((facts) => (facts[name] ?? '').split('\n')) as [string[], string[]];
    const only = (lines: readonly string[], others: readonly string[]): string =>
      JSON.stringify(lines.filter((line) => !others.includes(line)).join('\n'));
    return `${name}: topsail ${only(ours, theirs)}, envoy ${only(theirs, ours)}`;
  });
}
