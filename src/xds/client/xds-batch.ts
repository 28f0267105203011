// What an xDS client hands to the proxy or agent that owns it, and what it wants back.

export interface ReceivedResource {
  readonly name: string;
  readonly version: string;
  /** The encoded message (not the Any around it). */
  readonly bytes: Uint8Array;
}

export interface XdsBatch {
  readonly typeUrl: string;
  readonly added: readonly ReceivedResource[];
  readonly removed: readonly string[];
  /** The server's system version; for status pages only. */
  readonly version: string;
}

export interface Reject {
  readonly name: string;
  readonly detail: string;
}

/**
 * Applies what is good of a batch and names the rest: rejected resources are NACKed by name and not recorded as held.
 * A promise where it takes more than a turn of the loop: the answer, and whatever the server says next, wait for it.
 */
export type ApplyBatch = (batch: XdsBatch) => readonly Reject[] | Promise<readonly Reject[]>;

export interface XdsClientStatus {
  readonly connected: boolean;
  readonly everConnected: boolean;
  readonly lastError: string;
  readonly types: ReadonlyMap<
    string,
    {
      readonly wildcard: boolean;
      readonly names: number;
      readonly held: number;
      readonly version: string;
      readonly rejects: readonly Reject[];
    }
  >;
}

export interface XdsClient {
  start(): void;
  /** Asks for everything of a type. */
  subscribeAll(typeUrl: string): void;
  /** Asks for these names, and no others, of a type; what is no longer asked for is dropped without a `removed`. */
  subscribe(typeUrl: string, names: ReadonlySet<string>): void;
  unsubscribeType(typeUrl: string): void;
  /** States the workload's health to the control plane (Istio's HealthInformation), now and after every reconnect; undefined = healthy. */
  reportHealth(problem: string | undefined): void;
  readonly status: XdsClientStatus;
  close(): void;
}
