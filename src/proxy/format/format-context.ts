// What a substitution format reads: the stream's record, the live heads where there are some, and the clock.

import type { StreamRecord } from '#telemetry';
import type { HeaderBlock, RequestHead } from '#wire/http';
import type { DownstreamFacts } from '../http/filter.ts';

export interface FormatContext {
  readonly record: StreamRecord;
  /** Undefined where only the record is at hand (TCP and late logs): its own fields answer then. */
  readonly connection: DownstreamFacts | undefined;
  /** Live request head while the stream runs; undefined = what the record kept. */
  readonly requestHead: RequestHead | undefined;
  readonly responseHeaders: HeaderBlock | undefined;
  /** Wall time of the moment of formatting. */
  readonly nowWallMs: number;
  /** Text of the local reply that is being made (%LOCAL_REPLY_BODY%). */
  readonly localReplyBody: string;
  readonly accessLogType: string;
}

/** The context of an access log line, once the stream is over. */
export function logContext(record: StreamRecord, nowWallMs: number, accessLogType = 'NotSet'): FormatContext {
  return {
    record,
    connection: undefined,
    requestHead: undefined,
    responseHeaders: undefined,
    nowWallMs,
    localReplyBody: '',
    accessLogType,
  };
}
