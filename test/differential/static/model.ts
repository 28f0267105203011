// What a generator makes: a listener, and requests to it.

export type Protocol = 'h1' | 'h2';

/** One request. Over HTTP/1.1 the target and the lines go out as they stand; over HTTP/2 `host` is `:authority`. */
export interface Ask {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** Where it is sent from; default 127.0.0.1. */
  readonly from?: string;
}

export interface Trial {
  readonly area: string;
  readonly seed: number;
  /** What the client speaks, and what the clusters do. */
  readonly client: Protocol;
  readonly upstream: Protocol;
  /** The HttpConnectionManager, without what all have (`planes.ts`). */
  readonly manager: Readonly<Record<string, unknown>>;
  readonly asks: readonly Ask[];
}

/** One line an observation. */
export type Facts = Readonly<Record<string, string>>;
