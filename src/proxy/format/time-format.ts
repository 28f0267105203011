// strftime for %START_TIME% and its kin, in UTC; adds Envoy's %f, %1f … %9f (fraction), %s and %3s (epoch seconds, milliseconds).

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

export type TimeFormat = (wallMs: number) => string;

const pad = (n: number, width = 2, fill = '0'): string => String(n).padStart(width, fill);

const SPECIFIERS: Readonly<Record<string, (d: Date) => string>> = {
  Y: (d) => String(d.getUTCFullYear()),
  y: (d) => pad(d.getUTCFullYear() % 100),
  m: (d) => pad(d.getUTCMonth() + 1),
  d: (d) => pad(d.getUTCDate()),
  e: (d) => pad(d.getUTCDate(), 2, ' '),
  H: (d) => pad(d.getUTCHours()),
  I: (d) => pad(d.getUTCHours() % 12 || 12),
  M: (d) => pad(d.getUTCMinutes()),
  S: (d) => pad(d.getUTCSeconds()),
  p: (d) => (d.getUTCHours() < 12 ? 'AM' : 'PM'),
  j: (d) => pad(dayOfYear(d), 3),
  u: (d) => String(d.getUTCDay() || 7),
  w: (d) => String(d.getUTCDay()),
  a: (d) => (DAYS[d.getUTCDay()] as string).slice(0, 3),
  A: (d) => DAYS[d.getUTCDay()] as string,
  b: (d) => (MONTHS[d.getUTCMonth()] as string).slice(0, 3),
  h: (d) => (MONTHS[d.getUTCMonth()] as string).slice(0, 3),
  B: (d) => MONTHS[d.getUTCMonth()] as string,
  z: () => '+0000',
  Z: () => 'UTC',
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
  F: (d) => d.toISOString().slice(0, 10),
  T: (d) => d.toISOString().slice(11, 19),
  R: (d) => d.toISOString().slice(11, 16),
  D: (d) => `${pad(d.getUTCMonth() + 1)}/${pad(d.getUTCDate())}/${pad(d.getUTCFullYear() % 100)}`,
  s: (d) => String(Math.floor(d.getTime() / 1000)),
};

function dayOfYear(d: Date): number {
  return Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

const MILLIS = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}Z`);
let isoSecond = -1;
let isoText = '';
let isoMs = -1;
let isoWhole = '';

/** As toISOString, which costs as much as the rest of a log line: the second is written once, and a busy millisecond. */
function isoTime(wallMs: number): string {
  if (wallMs === isoMs) return isoWhole;
  isoWhole = isoSeconds(wallMs) + isoMillis(wallMs);
  isoMs = wallMs;
  return isoWhole;
}

/** "2026-11-22T20:15:13": with `isoMillis` the time of a line whose pieces nobody joins. */
export function isoSeconds(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== isoSecond) {
    isoText = new Date(second * 1000).toISOString().slice(0, -5);
    isoSecond = second;
  }
  return isoText;
}

/** ".123Z" */
export function isoMillis(wallMs: number): string {
  return MILLIS[Math.floor(wallMs) - Math.floor(wallMs / 1000) * 1000] as string;
}

/** Undefined when the format has a specifier that is not known. */
export function compileTimeFormat(format: string): TimeFormat | undefined {
  if (format === '') return isoTime;
  const parts: (string | ((ms: number) => string))[] = [];
  let at = 0;
  for (const match of format.matchAll(/%([1-9]?)(E[1-9*]S|[A-Za-z%])/g)) {
    parts.push(format.slice(at, match.index));
    at = match.index + match[0].length;
    const part = compileSpecifier(match[2] as string, match[1] === '' ? undefined : Number(match[1]));
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const rest = format.slice(at);
  if (rest.includes('%')) return undefined;
  parts.push(rest);
  return (ms) => {
    let out = '';
    for (const part of parts) out += typeof part === 'string' ? part : part(ms);
    return out;
  };
}

function compileSpecifier(letter: string, width: number | undefined): ((ms: number) => string) | undefined {
  if (letter === 'f') return (ms) => nanosOf(ms).slice(0, width ?? 9);
  if (letter === 's' && width !== undefined) return (ms) => `${Math.floor(ms / 1000)}${nanosOf(ms).slice(0, width)}`;
  if (letter.startsWith('E')) {
    const digits = letter[1] === '*' ? 9 : Number(letter[1]);
    return (ms) => `${pad(new Date(ms).getUTCSeconds())}.${nanosOf(ms).slice(0, digits)}`;
  }
  const specifier = SPECIFIERS[letter];
  if (specifier === undefined || width !== undefined) return undefined;
  return (ms) => specifier(new Date(ms));
}

function nanosOf(ms: number): string {
  const within = ((ms % 1000) + 1000) % 1000;
  return String(Math.min(999_999_999, Math.round(within * 1e6))).padStart(9, '0');
}
