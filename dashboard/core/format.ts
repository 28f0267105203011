// Numbers as people read them: rates, durations, shares, sizes, times.

export function rateText(perSecond: number): string {
  if (perSecond <= 0) return '0';
  if (perSecond >= 10_000) return `${(perSecond / 1000).toFixed(0)}k`;
  if (perSecond >= 1_000) return `${(perSecond / 1000).toFixed(1)}k`;
  if (perSecond >= 100) return perSecond.toFixed(0);
  return perSecond >= 0.1 ? perSecond.toFixed(1) : perSecond.toFixed(2);
}

/** 12 345 with narrow spaces. */
export function countText(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** About as many: two digits that say something. */
export function roundText(n: number): string {
  return countText(Number(n.toPrecision(2)));
}

export function millisText(ms: number | null): string {
  if (ms === null || ms <= 0) return '–';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`;
}

/** A share from 0 to 1. Never rounds to a whole that it is not: 99.96 % is not 100 %. */
export function percentText(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 99.9) return '>99.9 %';
  if (percent < 0.1) return '<0.1 %';
  return `${percent.toFixed(1)} %`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** How long something takes or took, in its two largest units. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export function clockText(wallMs: number): string {
  const at = new Date(wallMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** `spiffe://cluster.local/ns/default/sa/reviews` -> "default/reviews". */
export function shortPrincipal(principal: string): string {
  const found = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal);
  return found === null ? principal : `${found[1]}/${found[2]}`;
}
