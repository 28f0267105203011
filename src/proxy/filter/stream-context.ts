// The format context of a filter in the middle of a stream.

import type { RequestHead } from '#wire/http';
import type { FormatContext } from '../format/index.ts';
import type { FilterCallbacks } from '../http/filter.ts';

export function streamContext(
  callbacks: FilterCallbacks,
  requestHead: RequestHead | undefined,
  nowWallMs: number,
): FormatContext {
  return {
    record: callbacks.record,
    connection: callbacks.connection,
    requestHead,
    responseHeaders: undefined,
    nowWallMs,
    localReplyBody: '',
    accessLogType: '',
  };
}
