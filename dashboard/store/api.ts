// Calls the control plane that served this page. Reads are free on loopback; what writes, or shows paths, carries the token.
import { useQueries, useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { ApplyAnswer, ObjectId, ObjectJson, ProgrammedJson, StatusJson } from '../../src/api/api-json.ts';
import type {
  ChangeJson,
  HistoryJson,
  ProxyLiveJson,
  SeriesJson,
  TrafficJson,
  ValidateAnswer,
} from '../../src/api/dashboard-json.ts';
import type { DeniedJson, WhatIfJson } from '../../src/api/what-if-json.ts';
import { setToken, token } from './session.ts';

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const held = token();
  const headers = {
    ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(held === '' ? {} : { authorization: `Bearer ${held}` }),
  };
  const answer = await fetch(path, { ...init, headers });
  if (answer.ok) return answer;
  // Another control plane than the one that gave it.
  if (answer.status === 401 && held !== '') setToken('');
  const text = await answer.text();
  throw new ApiError(answer.status, problemOf(text));
}

function problemOf(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? text;
  } catch {
    return text;
  }
}

export async function getJson<T>(path: string): Promise<T> {
  return (await (await call(path)).json()) as T;
}

export async function getText(path: string): Promise<string> {
  return await (await call(path)).text();
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await (
    await call(path, { method: 'POST', body: JSON.stringify(body), ...(signal === undefined ? {} : { signal }) })
  ).json()) as T;
}

/** Server-sent events over fetch, since EventSource carries no token. Ends with the signal. */
export async function readEvents(path: string, take: (data: string) => void, signal: AbortSignal): Promise<void> {
  const answer = await call(path, { signal });
  const reader = (answer.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) take(part.slice(6));
  }
}

/** One part of an address; objects of no namespace stand under '-'. */
export function part(text: string): string {
  return encodeURIComponent(text === '' ? '-' : text);
}

export function objectPath({ kind, namespace, name }: ObjectId): string {
  return `${part(kind)}/${part(namespace)}/${part(name)}`;
}

export const apply = (text: string, namespace: string): Promise<ApplyAnswer> =>
  postJson('/api/v1/apply', { texts: [{ file: 'dashboard', text }], namespace });
export const check = (text: string, namespace: string, signal?: AbortSignal): Promise<ValidateAnswer> =>
  postJson('/api/v1/check', { texts: [{ file: 'edit', text }], namespace }, signal);
export const whatIf = (text: string, namespace: string, removed: readonly ObjectId[] = []): Promise<WhatIfJson> =>
  postJson('/api/v1/what-if', { texts: text === '' ? [] : [{ file: 'edit', text }], namespace, removed });
export const programmed = (ids: readonly ObjectId[], generation: number, timeoutMs: number): Promise<ProgrammedJson> =>
  getJson(
    `/api/v1/wait?objects=${encodeURIComponent(ids.map((id) => `${id.kind}/${id.namespace}/${id.name}`).join(','))}&generation=${generation}&timeoutMs=${timeoutMs}`,
  );

const every = (path: string, refetchInterval: number | false) => ({
  queryKey: [path],
  queryFn: () => getJson<never>(path),
  refetchInterval,
  placeholderData: (before: unknown) => before as never,
});

/** What the mesh keeps by itself; longer ranges need a Prometheus. */
export const KEPT_SECONDS = 3_600;

export const useStatus = (): UseQueryResult<StatusJson> => useQuery(every('/api/v1/status', 2000));
export const useObjects = (): UseQueryResult<readonly ObjectJson[]> => useQuery(every('/api/v1/objects', 2000));
export const useChanges = (): UseQueryResult<readonly ChangeJson[]> => useQuery(every('/api/v1/history', 3000));
/** It shows paths: nothing is asked without the right to write. */
export const useDenied = (canWrite: boolean): UseQueryResult<readonly DeniedJson[]> =>
  useQuery({ ...every('/api/v1/denied', 5000), enabled: canWrite });
export const useHistory = (id: ObjectId): UseQueryResult<HistoryJson> =>
  useQuery(every(`/api/v1/history/${objectPath(id)}`, 3000));
/** Nothing is asked of no name */
export const useProxyConfig = (name: string): UseQueryResult<Readonly<Record<string, readonly unknown[]>>> =>
  useQuery({ ...every(`/api/v1/proxies/${part(name)}/config`, 5000), retry: false, enabled: name !== '' });
export const useProxyLive = (name: string): UseQueryResult<ProxyLiveJson> =>
  useQuery({ ...every(`/api/v1/proxies/${part(name)}/live`, 3000), retry: false });
export const useProxiesLive = (names: readonly string[]): readonly (ProxyLiveJson | undefined)[] =>
  useQueries({
    queries: names.map((name) => ({
      queryKey: [`/api/v1/proxies/${part(name)}/live`],
      queryFn: () => getJson<ProxyLiveJson>(`/api/v1/proxies/${part(name)}/live`),
      refetchInterval: 3000,
      retry: false,
    })),
  }).map((one) => one.data);
/** One series for each destination, NAMESPACE/NAME. */
export const useSeriesOfAll = (
  destinations: readonly string[],
  spanSeconds: number,
): readonly (SeriesJson | undefined)[] =>
  useQueries({
    queries: destinations.map((destination) => {
      const path = `/api/v1/series?${new URLSearchParams({ destination, span: String(spanSeconds) })}`;
      return {
        queryKey: [path],
        queryFn: () => getJson<SeriesJson>(path),
        refetchInterval: spanSeconds <= 60 ? 1000 : 30_000,
      };
    }),
  }).map((one) => one.data);
export const useTrafficOf = (
  windowSeconds: number,
  until: number | undefined,
  enabled = true,
): UseQueryResult<TrafficJson> =>
  useQuery({
    ...every(
      `/api/v1/traffic?window=${windowSeconds}${until === undefined ? '' : `&until=${until}`}`,
      until === undefined ? (windowSeconds > KEPT_SECONDS ? 30_000 : 2000) : false,
    ),
    enabled,
  });

/** Nothing is asked while `until` is undefined. */
export const usePastTraffic = (windowSeconds: number, until: number | undefined): UseQueryResult<TrafficJson> =>
  useQuery({
    ...every(`/api/v1/traffic?window=${windowSeconds}&until=${until ?? ''}`, false),
    enabled: until !== undefined,
  });

export function useSeries(
  filter: { readonly source?: string; readonly destination?: string },
  spanSeconds: number,
  everyMs = spanSeconds <= 60 ? 1000 : spanSeconds > KEPT_SECONDS ? 60_000 : 10_000,
): UseQueryResult<SeriesJson> {
  const query = new URLSearchParams({ ...filter, span: String(spanSeconds) });
  return useQuery(every(`/api/v1/series?${query}`, everyMs));
}
