// Taps over HTTP: a stream of events while one listens, and what is known of one request. Paths are shown, so both need the token.
import { type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { TapRecordJson } from '#telemetry';
import type { ExplainedHopJson, HopCausesJson } from './api-json.ts';
import { TAP_SUBSCRIPTIONS_MAX, type TapFilter, type TapHub } from './tap-hub.ts';

const DEFAULT_PER_SECOND = 50;
const PER_SECOND_MAX = 1_000;

export function tapRoutes(hub: TapHub, causesOf: (hop: TapRecordJson) => HopCausesJson): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/tap',
      write: true,
      answer: (asked) => ({
        open: (send) => hub.listen(filterOf(asked), send) ?? refuse(send),
      }),
    },
    {
      method: 'GET',
      path: '/api/v1/explain/:id',
      write: true,
      answer: ({ params }) =>
        jsonAnswer(
          hub
            .explain(params['id'] ?? '')
            .map(({ hop, ...place }): ExplainedHopJson => ({ ...hop, ...place, causes: causesOf(hop) })),
        ),
    },
  ];
}

function refuse(send: (data: string) => void): () => void {
  send(JSON.stringify({ error: `${TAP_SUBSCRIPTIONS_MAX} taps are open already: close one` }));
  return () => {};
}

function filterOf({ query }: HttpAsked): TapFilter {
  const perSecond = Number(query.get('perSecond') ?? DEFAULT_PER_SECOND);
  return {
    workload: query.get('workload') ?? '',
    pathPrefix: query.get('path') ?? '',
    status: query.get('status') ?? '',
    to: query.get('to') ?? '',
    perSecondMax: Number.isFinite(perSecond)
      ? Math.min(PER_SECOND_MAX, Math.max(1, Math.floor(perSecond)))
      : DEFAULT_PER_SECOND,
  };
}
