// Replays an edit over remembered requests before it is applied, and tells who was denied by which rule. Paths and
// identities are shown, so both need the token.
import { type HttpRoute, jsonAnswer } from '#base';
import { denyingRule, verdictOf } from '#telemetry';
import type { RecentRequest, RecentRequests } from './recent-requests.ts';
import type { DeniedJson, WhatIfAsk, WhatIfJson } from './what-if-json.ts';

export type WhatIf = (ask: WhatIfAsk, recent: readonly RecentRequest[]) => WhatIfJson;

const DENIED_MAX = 200;

export function whatIfRoutes(recent: Pick<RecentRequests, 'list'>, whatIf: WhatIf): readonly HttpRoute[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/what-if',
      write: true,
      answer: ({ body }) => jsonAnswer(whatIf(JSON.parse(body) as WhatIfAsk, recent.list())),
    },
    { method: 'GET', path: '/api/v1/denied', write: true, answer: () => jsonAnswer(deniedOf(recent.list())) },
  ];
}

/** Told by the callee's proxy, or by a gateway about those who call it. */
export function deniedOf(recent: readonly RecentRequest[]): readonly DeniedJson[] {
  return recent
    .filter(({ last }) => last.details.startsWith('rbac_') || last.details.startsWith('jwt_authn'))
    .slice(0, DENIED_MAX)
    .map(({ last, count, lastMs, ids }) => ({
      workload: last.workload,
      namespace: last.namespace,
      source: last.source.workload,
      sourceNamespace: last.source.namespace,
      principal: last.source.principal,
      method: last.method,
      path: last.path,
      status: last.status,
      count,
      lastMs,
      ids,
      rule: denyingRule(last.policy === '' ? last.details : last.policy),
      words: verdictOf(last).words,
    }));
}
