// Prometheus text as OpenMetrics 1.0, which alone has room for exemplars: types renamed, counters that do not end with
// `_total` called unknown (their names stay as they are), times in seconds, and the end mark.

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Does the asker take OpenMetrics? Prometheus does, and says so. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('application/openmetrics-text');
}

export function toOpenMetrics(text: string): string {
  const counters = new Set<string>();
  const body = text.replace(/^#.*\n?/gm, (line) => {
    const [, word = '', name = '', rest = ''] = /^# (TYPE|HELP) (\S+) ?(.*)/.exec(line) ?? [];
    if (word === 'TYPE') {
      if (rest !== 'counter') return `# TYPE ${name} ${rest === 'untyped' ? 'unknown' : rest}\n`;
      if (!name.endsWith('_total')) return `# TYPE ${name} unknown\n`;
      counters.add(name);
      return `# TYPE ${name.slice(0, -TOTAL)} counter\n`;
    }
    // A family's help comes before its type: by its name it is judged alike.
    if (word === 'HELP') return `# HELP ${name.endsWith('_total') ? name.slice(0, -TOTAL) : name} ${rest}\n`;
    return '';
  });
  return `${renameLooseHelp(body, counters)}${body === '' || body.endsWith('\n') ? '' : '\n'}# EOF\n`;
}

const TOTAL = '_total'.length;

/** A gauge may be called `…_total` as well: its help keeps the whole name. */
function renameLooseHelp(body: string, counters: ReadonlySet<string>): string {
  return body.replace(
    /^# HELP (\S+) (.*)\n# TYPE (\S+_total) /gm,
    (whole, short: string, help: string, name: string) =>
      short === name.slice(0, -TOTAL) && !counters.has(name) ? `# HELP ${name} ${help}\n# TYPE ${name} ` : whole,
  );
}
