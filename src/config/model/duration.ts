// Durations as Istio writes them: Go's syntax ("1h30m", "1.5s", "100ms"), of which protobuf's ("5s") is a part.

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const WHOLE = /^([+-])?((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const LONGEST_TEXT = 64;

/** Milliseconds, or undefined when `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > LONGEST_TEXT || !WHOLE.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(PART)) sum += Number(amount) * (UNIT_MS[unit as string] as number);
  return text.startsWith('-') ? -sum : sum;
}

/** For a field of a validated spec: milliseconds, or `fallback` when it is not set. */
export function durationMs(text: string | undefined, fallback: number): number;
export function durationMs(text: string | undefined, fallback?: undefined): number | undefined;
export function durationMs(text: string | undefined, fallback?: number): number | undefined {
  return text === undefined ? fallback : (parseDuration(text) ?? fallback);
}
