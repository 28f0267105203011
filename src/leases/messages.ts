// What proxies and control plane say to each other of limits that all proxies share.

/** One limit, by its RateLimit and rule. */
export interface SharedLimit {
  /** NAMESPACE/NAME/RULE. */
  readonly id: string;
  /** Tokens in a full bucket. */
  readonly max: number;
  /** Tokens that come in each interval, evenly. */
  readonly perFill: number;
  readonly intervalMs: number;
  /** Buckets kept at a time. */
  readonly bucketsMax: number;
  /** While the control plane is away, refuse everything rather than counting a share. */
  readonly deny: boolean;
}

export interface Ask {
  /** Names the answer; the asker's own. */
  readonly id: number;
  /** Of the limit. */
  readonly limit: string;
  /** Of the bucket. */
  readonly key: string;
  readonly tokens: number;
}

export interface Grant {
  readonly id: number;
  readonly tokens: number;
  /** 0: more may be asked for at once. */
  readonly againMs: number;
}

/** How many threads of proxies draw on a limit. */
export interface Share {
  readonly limit: string;
  readonly drawers: number;
}

export interface Reply {
  readonly grants: readonly Grant[];
  readonly shares: readonly Share[];
}
