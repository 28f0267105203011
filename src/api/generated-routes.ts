// The API of what is generated for each proxy: an inventory by hash, and the bytes of what was asked for.
import { type HttpRoute, jsonAnswer } from '#base';
import type { GeneratedBytesAsk, GeneratedSource } from './generated-json.ts';

/** A longer list is asked for in parts. */
const ASKED_MAX = 1000;

export function generatedRoutes(source: GeneratedSource): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/api/v1/generated', answer: async () => jsonAnswer(await source.generated()) },
    {
      method: 'POST',
      path: '/api/v1/generated/bytes',
      write: true,
      answer: async ({ body }) => {
        const { resources } = JSON.parse(body) as Partial<GeneratedBytesAsk>;
        if (!Array.isArray(resources) || resources.length > ASKED_MAX)
          return jsonAnswer({ error: `Give "resources": up to ${ASKED_MAX} of [typeUrl, name, version].` }, 400);
        return jsonAnswer(await source.generatedBytes({ resources }));
      },
    },
  ];
}
