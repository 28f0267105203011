// Decides whether a request is traced, as Envoy does: by its x-request-id, so that every proxy on the
// way decides alike; the outcome is packed into the id (its 15th character is 4, 9, a or b).

import type { Random } from '#base';
import type { TraceContext } from './trace-context.ts';

export type TraceReason = 'not-sampled' | 'sampled' | 'client-forced' | 'service-forced';

/** Index of the version digit of a UUID. */
const REASON_INDEX = 14;
const REASON_DIGITS: Readonly<Record<TraceReason, string>> = {
  'not-sampled': '4',
  sampled: '9',
  'service-forced': 'a',
  'client-forced': 'b',
};
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(requestId: string): boolean {
  return requestId.length === 36 && UUID.test(requestId);
}

/** What an earlier proxy decided; undefined for ids of another form. */
export function traceReasonOf(requestId: string): TraceReason | undefined {
  if (!isUuid(requestId)) return undefined;
  switch (requestId[REASON_INDEX]) {
    case '9':
      return 'sampled';
    case 'a':
      return 'service-forced';
    case 'b':
      return 'client-forced';
    default:
      return 'not-sampled';
  }
}

export function withTraceReason(requestId: string, reason: TraceReason): string {
  if (!isUuid(requestId)) return requestId;
  return requestId.slice(0, REASON_INDEX) + REASON_DIGITS[reason] + requestId.slice(REASON_INDEX + 1);
}

/** 0..9999, the same on every proxy; undefined for ids that are no UUIDs. */
export function sampleValue(requestId: string): number | undefined {
  return isUuid(requestId) ? Number.parseInt(requestId.slice(0, 8), 16) % 10_000 : undefined;
}

export interface SamplingRates {
  /** Percent of requests without a decision that are traced at random. */
  readonly random: number;
  /** Percent of requests with x-client-trace-id that are. */
  readonly client: number;
  /** Ceiling in percent over both. */
  readonly overall: number;
}

export const DEFAULT_SAMPLING: SamplingRates = { random: 100, client: 100, overall: 100 };

export interface SamplingInput {
  readonly requestId: string;
  /** What the caller's headers said. */
  readonly context: TraceContext | undefined;
  readonly clientForced: boolean;
  /** Istio's `useRequestIdForTraceSampling`; otherwise chance decides. */
  readonly useRequestId: boolean;
  readonly rates: SamplingRates;
}

/** A decision that arrived with the request stands; a new one is made only at the first proxy. */
export function decideSampling(input: SamplingInput, random: Random): boolean {
  const said = input.context?.sampled;
  if (said !== undefined) return said;
  const reason = input.useRequestId ? traceReasonOf(input.requestId) : undefined;
  if (reason !== undefined && reason !== 'not-sampled') return true;
  const draw = (input.useRequestId ? sampleValue(input.requestId) : undefined) ?? random.float() * 10_000;
  const wanted = input.clientForced ? Math.max(input.rates.client, input.rates.random) : input.rates.random;
  return draw < Math.min(wanted, input.rates.overall) * 100;
}

/** A random id of `digits` hex digits, never all 0. */
export function newHexId(digits: 16 | 32, random: Random): string {
  let text = '';
  for (let i = 0; i < digits; i += 8) text += random.uint32().toString(16).padStart(8, '0');
  return /^0+$/.test(text) ? `${text.slice(0, -1)}1` : text;
}

/** The context that goes upstream: a child of what came in, or a new root. */
export function childContext(parent: TraceContext | undefined, sampled: boolean, random: Random): TraceContext {
  return {
    traceId: parent?.traceId ?? newHexId(32, random),
    spanId: newHexId(16, random),
    parentSpanId: parent?.spanId ?? '',
    sampled,
    debug: parent?.debug ?? false,
    traceState: parent?.traceState ?? '',
  };
}
