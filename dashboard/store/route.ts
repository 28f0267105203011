// Addresses of screens: a path, and what is chosen on the screen in the query, so that every view can be bookmarked.
import { useCallback, useSyncExternalStore } from 'react';

const watchers = new Set<() => void>();
const tell = (): void => {
  for (const watcher of watchers) watcher();
};
window.addEventListener('popstate', tell);

function subscribe(changed: () => void): () => void {
  watchers.add(changed);
  return () => void watchers.delete(changed);
}

export function go(address: string, options: { readonly replace?: boolean } = {}): void {
  if (options.replace === true) history.replaceState(null, '', address);
  else {
    history.pushState(null, '', address);
    window.scrollTo(0, 0);
  }
  tell();
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** One choice of the screen, in the query; '' takes it out. */
export function useChoice(name: string, fallback: string): [string, (value: string) => void] {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const value = new URLSearchParams(search).get(name) ?? fallback;
  const set = useCallback((next: string) => setChoices({ [name]: next === fallback ? '' : next }), [name, fallback]);
  return [value, set];
}

export function setChoices(choices: Readonly<Record<string, string>>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(choices)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(location.pathname + (text === '' ? '' : `?${text}`), { replace: true });
}
