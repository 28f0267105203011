// The right to write: a one-time code in the address is exchanged for the token, which this tab keeps.
import { useSyncExternalStore } from 'react';

const KEY = 'topsail.token';
const watchers = new Set<() => void>();
let problem = '';

export function token(): string {
  return sessionStorage.getItem(KEY) ?? '';
}

export function setToken(value: string): void {
  if (value === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
  for (const watcher of watchers) watcher();
}

/** Reads `#code=…`, and takes it out of the address at once. */
export async function signIn(): Promise<void> {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code === null) return;
  history.replaceState(null, '', location.pathname + location.search);
  const answer = await fetch('/api/v1/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  const body = (await answer.json()) as { token?: string; error?: string };
  problem = body.error ?? '';
  setToken(body.token ?? token());
}

export function useSession(): { readonly canWrite: boolean; readonly problem: string } {
  const held = useSyncExternalStore((changed) => {
    watchers.add(changed);
    return () => void watchers.delete(changed);
  }, token);
  return { canWrite: held !== '', problem };
}
