// What comes in and what is answered when resources are applied.

export interface NamedResource {
  readonly name: string;
  /** Encoded message, not the Any around it. */
  readonly bytes: Uint8Array;
  readonly version: string;
}

export interface ResourceReject {
  readonly name: string;
  readonly detail: string;
}

/** A resource in force, or on its way there. */
export interface Held {
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly updatedWallMs: number;
}
