// What every request matcher may look at: the request, the connection it came on and what filters have noted so far.

import type { StreamRecord } from '#telemetry';
import type { RequestHead } from '#wire/http';
import type { DownstreamFacts } from '../http/filter.ts';

export interface MatchInput {
  readonly head: RequestHead;
  readonly connection: DownstreamFacts;
  readonly record: StreamRecord;
}

/** A compiled condition over a request. */
export type RequestPredicate = (input: MatchInput) => boolean;
/** A compiled condition over one text. */
export type StringPredicate = (value: string) => boolean;
