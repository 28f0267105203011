// Light, dark, or as the system has it; kept for the next visit.
import { useState } from 'react';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'topsail.theme';

export function startTheme(): void {
  show(read());
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, set] = useState(read);
  return [
    theme,
    (next) => {
      localStorage.setItem(KEY, next);
      show(next);
      set(next);
    },
  ];
}

function read(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

function show(theme: Theme): void {
  document.documentElement.style.colorScheme = theme === 'auto' ? 'light dark' : theme;
}
