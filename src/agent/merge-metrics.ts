// Metrics of proxy and application in one exposition (Istio's 15020): a family of the application's that the proxy has too gives only its samples.

/** Text of the application that is taken, characters; the rest is cut at a line. */
const APP_TEXT_MAX = 16 << 20;

export function mergeMetrics(own: string, app: string): string {
  const families = new Set<string>();
  for (const line of own.split('\n')) if (line.startsWith('# TYPE ')) families.add(line.split(' ')[2] ?? '');
  const text = app.length > APP_TEXT_MAX ? app.slice(0, app.lastIndexOf('\n', APP_TEXT_MAX) + 1) : app;
  const lines: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    // OpenMetrics ends with "# EOF", behind which nothing may stand.
    if (line === '' || line === '# EOF') continue;
    if ((line.startsWith('# TYPE ') || line.startsWith('# HELP ')) && families.has(line.split(' ')[2] ?? '')) continue;
    lines.push(line);
  }
  return lines.length === 0 ? own : `${own}${lines.join('\n')}\n`;
}
