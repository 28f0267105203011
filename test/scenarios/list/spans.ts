// Spans that a laboratory's Zipkin collector got: found by the trace whose headers the backend saw.
import assert from 'node:assert/strict';
import type { Outcome } from './calls.ts';
import type { Lab } from './lab.ts';

/** An Envoy tells of fewer than five spans after five seconds. */
const PATIENCE_MS = 15_000;

/** As Zipkin's JSON has it. */
export interface Span {
  readonly traceId: string;
  readonly kind?: string;
  readonly name?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export async function spanHolds(
  lab: Lab,
  { seen }: Outcome,
  wanted: Readonly<Record<string, string | RegExp | null>>,
  at: string,
): Promise<void> {
  const trace = String(seen?.headers['x-b3-traceid'] ?? '');
  assert.notEqual(trace, '', `${at}: the backend saw no trace`);
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const span = lab.backends.spans.find(({ traceId }) => traceId === trace);
    if (span === undefined && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    assert.ok(span !== undefined, `${at}: no span of trace ${trace} reached the collector`);
    const tags: Readonly<Record<string, string | undefined>> = { ...span.tags, kind: span.kind, name: span.name };
    for (const [tag, value] of Object.entries(wanted)) {
      if (value instanceof RegExp)
        assert.match(tags[tag] ?? '', value, `${at}: span ${tag} of ${JSON.stringify(tags)}`);
      else assert.equal(tags[tag] ?? null, value, `${at}: span ${tag} of ${JSON.stringify(tags)}`);
    }
    return;
  }
}
