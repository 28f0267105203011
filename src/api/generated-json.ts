// What a control plane generates for the proxies that are connected to it, told by name and hash, and what it was generated from
// besides the cluster's objects: what a plan of an upgrade compares with.
import type { ProxyNode } from '#base';

/** Type URL, name, hash of the encoded resource. */
export type GeneratedResource = readonly [typeUrl: string, name: string, version: string];

export interface GeneratedJson {
  readonly version: string;
  readonly trustDomain: string;
  /** As the control plane keeps it over a restart. */
  readonly retained: string;
  /** Fetched key sets of issuers, by their source. */
  readonly keySets: readonly (readonly [string, string])[];
  /** Each once, whoever gets it. */
  readonly resources: readonly GeneratedResource[];
  readonly proxies: readonly { readonly node: ProxyNode; readonly resources: readonly number[] }[];
}

export interface GeneratedBytesAsk {
  readonly resources: readonly GeneratedResource[];
}

/** Base64 in the order asked; null: not generated any more, or a secret. */
export interface GeneratedBytesJson {
  readonly bytes: readonly (string | null)[];
}

export interface GeneratedSource {
  generated(): Promise<GeneratedJson>;
  generatedBytes(ask: GeneratedBytesAsk): Promise<GeneratedBytesJson>;
}
