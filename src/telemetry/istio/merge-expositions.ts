// One Prometheus text out of several threads' texts of the same families: equal series are added up, gauges of what a
// thread knows rather than counts are shown once.

interface Series {
  value: number;
  /** " # {...} value time", of the last one that told; '' = none. */
  exemplar: string;
}

interface Family {
  readonly heads: string[];
  gauge: boolean;
  readonly series: Map<string, Series>;
}

export class MergedExposition {
  readonly #families = new Map<string, Family>();

  add(text: string): void {
    let family: Family | undefined;
    let name = '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('# ')) {
        const [, , of = ''] = line.split(' ');
        if (family === undefined || of !== name) family = this.#familyOf((name = of));
        if (!family.heads.includes(line)) family.heads.push(line);
        if (line === `# TYPE ${name} gauge`) family.gauge = true;
        continue;
      }
      addSeries((family ??= this.#familyOf('')), line);
    }
  }

  *render(exemplars: boolean): Generator<string> {
    for (const { heads, series } of this.#families.values()) {
      const lines = [...heads];
      for (const [key, { value, exemplar }] of series) lines.push(`${key} ${value}${exemplars ? exemplar : ''}`);
      yield `${lines.join('\n')}\n`;
    }
  }

  #familyOf(name: string): Family {
    let family = this.#families.get(name);
    if (family === undefined)
      this.#families.set(name, (family = { heads: [], gauge: false, series: new Map<string, Series>() }));
    return family;
  }
}

function addSeries({ series, gauge }: Family, line: string): void {
  const end = keyEnd(line);
  const key = line.slice(0, end);
  const exemplarAt = line.indexOf(' # ', end);
  const value = Number(line.slice(end + 1, exemplarAt < 0 ? undefined : exemplarAt));
  const exemplar = exemplarAt < 0 ? '' : line.slice(exemplarAt);
  const known = series.get(key);
  if (known === undefined) {
    series.set(key, { value, exemplar });
    return;
  }
  known.value = gauge ? Math.max(known.value, value) : known.value + value;
  if (exemplar !== '') known.exemplar = exemplar;
}

/** Where name and labels end: values of labels may hold anything, escaped. */
function keyEnd(line: string): number {
  const brace = line.indexOf('{');
  const space = line.indexOf(' ');
  if (brace < 0 || (space >= 0 && space < brace)) return space;
  let quoted = false;
  for (let i = brace + 1; i < line.length; i++) {
    const c = line[i];
    if (c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (c === '}' && !quoted) return i + 1;
  }
  return line.lastIndexOf(' ');
}
