// The API's security views: policies of a workload, why a request is decided as it is, who still speaks plaintext.
import { type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { AuthzAnswerJson, AuthzAsk, AuthzPolicyJson, MtlsPlanJson } from './authz-json.ts';

export interface AuthzSource {
  /** Undefined: no such proxy is connected. */
  policies(workload: string): readonly AuthzPolicyJson[] | undefined;
  explain(workload: string, ask: AuthzAsk): AuthzAnswerJson | undefined;
  mtlsPlan(): MtlsPlanJson;
  /** Names to choose from. */
  workloads(): readonly string[];
}

export function authzRoutes(source: AuthzSource): readonly HttpRoute[] {
  const orUnknown = (name: string, value: unknown) =>
    value === undefined
      ? jsonAnswer(
          { error: `No connected workload is called ${name}. Connected: ${source.workloads().join(', ') || 'none'}.` },
          404,
        )
      : jsonAnswer(value);
  return [
    {
      method: 'GET',
      path: '/api/v1/authz/:workload',
      answer: ({ params: { workload = '' } }) => orUnknown(workload, source.policies(workload)),
    },
    {
      method: 'GET',
      path: '/api/v1/authz/:workload/explain',
      answer: (asked) =>
        orUnknown(asked.params['workload'] ?? '', source.explain(asked.params['workload'] ?? '', askOf(asked))),
    },
    { method: 'GET', path: '/api/v1/mtls/plan', answer: () => jsonAnswer(source.mtlsPlan()) },
  ];
}

function askOf({ query }: HttpAsked): AuthzAsk {
  const claims = query.get('claims');
  return {
    from: query.get('from') ?? '',
    sourceIp: query.get('ip') ?? '127.0.0.1',
    method: query.get('method') ?? 'GET',
    path: query.get('path') ?? '/',
    host: query.get('host') ?? '',
    port: Number(query.get('port') ?? 0),
    headers: query.getAll('header').map((text) => {
      const equals = text.indexOf('=');
      return [text.slice(0, equals < 0 ? text.length : equals), equals < 0 ? '' : text.slice(equals + 1)] as const;
    }),
    claims: claims === null ? undefined : (JSON.parse(claims) as Record<string, unknown>),
  };
}
