// What a dump shows: resources as they came, and when.

import type { StreamedAnswer, XdsResource } from '#base';

export type DumpedKind = 'listener' | 'cluster' | 'route' | 'endpoint' | 'secret';

export interface DumpedResource {
  readonly name: string;
  /** Of the response that brought it; '' for static ones. */
  readonly version: string;
  /** The encoded message. */
  readonly bytes: XdsResource['bytes'];
  /** Of a route: encoded virtual hosts that came by themselves. They are shown as if they had come with it. */
  readonly virtualHosts?: readonly Uint8Array[];
  readonly updatedWallMs: number;
  /** From the bootstrap file. */
  readonly isStatic: boolean;
  readonly state: 'active' | 'warming' | 'draining';
  /** Why the newest version was refused; the other fields are the one in force. */
  readonly error?: { readonly details: string; readonly version: string; readonly atWallMs: number };
}

export interface DumpView {
  /** The bootstrap that was read, encoded, and when. */
  bootstrap(): { readonly bytes: Uint8Array; readonly updatedWallMs: number };
  resources(kind: DumpedKind): Iterable<DumpedResource>;
}

/**
 * Renders elsewhere what is in the parcel (parcel.ts), whose pieces it takes at its own pace. `gone`: nobody reads any
 * more. Undefined where that can't be: the caller renders by itself.
 */
export type DumpApart = (parcel: Iterable<Uint8Array>, gone: AbortSignal) => Promise<StreamedAnswer | undefined>;
