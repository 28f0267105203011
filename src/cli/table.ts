// Prints rows as kubectl does: upper-case heads, columns as wide as their widest cell, three spaces between.
import { visibleText } from '#base';

export function table(heads: readonly string[], texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map(visibleText));
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i] as number)))
      .join('   ')
      .trimEnd();
  return `${[heads, ...rows].map(line).join('\n')}\n`;
}

/** 75s, 12m, 5h, 3d: kubectl's ages. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s}s`;
  if (s < 7200) return `${Math.floor(s / 60)}m`;
  if (s < 172_800) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86_400)}d`;
}

/** A latency in a column: 4.2ms, 180ms, 9.9s. */
export function latency(ms: number): string {
  if (ms <= 0) return '-';
  return ms < 10 ? `${ms.toFixed(1)}ms` : ms < 999.5 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}
