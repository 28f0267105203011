// What a substitution format reads: the stream's record, the connection's facts and the clock.

import type { StreamRecord } from '#telemetry';
import type { HeaderBlock } from '#wire/http';
import type { DownstreamFacts } from '../http/filter.ts';

export interface FormatContext {
  readonly record: StreamRecord;
  /** Undefined where only the record is at hand (TCP and late logs): its own fields answer then. */
  readonly connection: DownstreamFacts | undefined;
  /** Live request headers while the stream runs; the record's otherwise. */
  readonly requestHeaders: HeaderBlock | undefined;
  readonly responseHeaders: HeaderBlock | undefined;
  readonly responseTrailers: HeaderBlock | undefined;
  /** Wall and monotonic time of the moment of formatting. */
  readonly nowWallMs: number;
  readonly nowMs: number;
  /** Text of the local reply that is being made (%LOCAL_REPLY_BODY%). */
  readonly localReplyBody: string;
  readonly accessLogType: string;
}
