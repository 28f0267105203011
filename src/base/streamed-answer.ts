// An HTTP answer whose body may come in pieces, so that a page of megabytes is made while traffic goes on.

export interface StreamedAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Pieces are pulled one a turn of the loop, at the reader's pace. */
  readonly body: string | Iterable<string> | AsyncIterable<string | Uint8Array>;
}

/** What `io` serves on the admin port. `gone`: the reader left, also while it waits for the next piece. */
export type StreamedHandler = (
  method: string,
  path: string,
  query: URLSearchParams,
  gone: AbortSignal,
) => Promise<StreamedAnswer>;
