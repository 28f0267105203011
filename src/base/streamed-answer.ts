// An HTTP answer whose body may come in pieces, so that a page of megabytes is made while traffic goes on.

export interface StreamedAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Pieces are pulled one a turn of the loop, at the reader's pace. */
  readonly body: string | Iterable<string>;
}

/** What `io` serves on the admin port. */
export type StreamedHandler = (method: string, path: string, query: URLSearchParams) => Promise<StreamedAnswer>;
