// What is counted on one edge: a block of slots per response tuple, and plain counters for messages and connections.

import { bucketOf, DEFAULT_BOUNDS, HISTOGRAM_SLOTS } from '../stats/histogram-buckets.ts';
import type { Exemplar } from '../stats/render-prometheus.ts';
import type { Edge } from './edge.ts';

/** Slots of a response series. */
export const REQUESTS = 0;
export const DURATION = 1;
export const REQUEST_BYTES = DURATION + HISTOGRAM_SLOTS;
export const RESPONSE_BYTES = REQUEST_BYTES + HISTOGRAM_SLOTS;
const RESPONSE_SLOTS = RESPONSE_BYTES + HISTOGRAM_SLOTS;

export interface ResponseSeries {
  /** `response_code="200",grpc_response_status="",response_flags="-"` */
  readonly labels: string;
  readonly values: Float64Array;
  /** The last traced request of each bucket of durations; made with the first one. */
  exemplars: (Exemplar | undefined)[] | undefined;
}

/** Everything that is counted on one edge. */
export class EdgeSeries {
  readonly edge: Edge;
  requestMessages = 0;
  responseMessages = 0;
  opened = 0;
  closed = 0;
  sentBytes = 0;
  receivedBytes = 0;
  /** By code and gRPC status where no flag is set: nearly always. */
  readonly plain = new Map<number, ResponseSeries>();
  readonly flagged = new Map<string, ResponseSeries>();
  /** The one that was used last, and its key. */
  lastKey = -1;
  last: ResponseSeries | undefined = undefined;
  /** Takes responses that the budget has no room for. */
  overflow: ResponseSeries | undefined = undefined;

  constructor(edge: Edge) {
    this.edge = edge;
  }
}

export function newResponse(labels: string): ResponseSeries {
  return { labels, values: new Float64Array(RESPONSE_SLOTS), exemplars: undefined };
}

export function keepExemplar(series: ResponseSeries, exemplar: Exemplar): void {
  series.exemplars ??= new Array<Exemplar | undefined>(DEFAULT_BOUNDS.length + 1).fill(undefined);
  series.exemplars[bucketOf(exemplar.value)] = exemplar;
}
