// The page's own icons: strokes of one width in a square of 24.
import type { ReactNode } from 'react';

const PATHS = {
  sail: 'M12 2v16M12 3c4 3 6 7 7 12h-7M11 6C8 9 6 12 5 15h6M3 18h18l-3 4H6z',
  overview: 'M4 13h6V4H4zM14 20h6V11h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  graph:
    'M6 6m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M18 6m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M12 18m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M8.5 6h7M7.2 8.2l3.6 7.6M16.8 8.2l-3.6 7.6',
  workload: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  service: 'M12 4l8 14H4z',
  gateway: 'M4 20V9l8-5 8 5v11M9 20v-6h6v6M4 20h16',
  namespace: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  external: 'M7 18a4.5 4.5 0 0 1-.6-9A6 6 0 0 1 18 8.5a4.8 4.8 0 0 1-.5 9.5z',
  config: 'M5 4h10l4 4v12H5zM14 4v5h5M8 13h8M8 16.5h5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  unlock: 'M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2',
  tap: 'M3 12h4l3-8 4 16 3-8h4',
  explain: 'M4 6h10M4 12h16M4 18h7M17 4l3 2-3 2zM14 16l3 2-3 2z',
  whatIf:
    'M6 3v12M6 15m-2.5 3a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M18 6m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M18 8.5c0 5-6 4-11 7.5',
  play: 'M7 4l13 8-13 8z',
  pause: 'M8 5v14M16 5v14',
  traces: 'M3 5h12M7 10h10M11 15h6M14 20h7',
  pen: 'M4 20l1-4L16 5l3 3L8 19z',
  eye: 'M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 12m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0',
  warn: 'M12 3l10 18H2zM12 10v5M12 17.5v.5',
  check: 'M4 12l5 5L20 6',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  close: 'M6 6l12 12M18 6L6 18',
} as const;

export type IconName = keyof typeof PATHS;

export function iconPath(name: IconName): string {
  return PATHS[name];
}

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }): ReactNode {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      strokeWidth={size < 15 ? 2.2 : 1.7}
      strokeLinejoin="round"
      strokeLinecap="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
