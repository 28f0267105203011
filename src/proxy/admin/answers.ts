// The few shapes that admin answers have.

import type { StreamedAnswer } from '#base';

export function text(body: string | Iterable<string>, status = 200): StreamedAnswer {
  return { status, contentType: 'text/plain; charset=UTF-8', body };
}

/** One blank of indentation, as Envoy prints. */
export function json(value: unknown, status = 200): StreamedAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 1)}\n` };
}
