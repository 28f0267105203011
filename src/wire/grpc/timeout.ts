// The grpc-timeout header (PROTOCOL-HTTP2): up to eight digits and a unit.

const MS_PER_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const DIGITS_MAX = 99_999_999;

/** Milliseconds; undefined when the text is no timeout. */
export function parseTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (MS_PER_UNIT[match[2] as string] as number);
}

export function formatTimeout(ms: number): string {
  if (ms <= 0) return '1n';
  if (ms < DIGITS_MAX / 1000) return `${Math.ceil(ms * 1000)}u`;
  if (ms < DIGITS_MAX) return `${Math.ceil(ms)}m`;
  return `${Math.min(DIGITS_MAX, Math.ceil(ms / 1000))}S`;
}
