// The whole configuration at one moment: immutable, so that a snapshot made from it cannot change underneath.

import type { Complaint } from './complaint.ts';
import type { KindName, SpecOf } from './kinds.ts';
import type { ConfigObject } from './object.ts';

/** What `get` and `describe` say about a document, in force or not. */
export interface StatusInput {
  readonly key: string;
  readonly generation: number;
  /** accepted: the text in force is the text written. lastGood: an older text is in force. refused: none is (or a stand-in that denies). */
  readonly state: 'accepted' | 'lastGood' | 'refused';
  readonly complaints: readonly Complaint[];
}

export interface ConfigView {
  /** Grows with every change; equal generations are the same object. */
  readonly generation: number;
  /** All objects of a kind in force, ordered by `byAge`. */
  list<K extends KindName>(kind: K): readonly ConfigObject<SpecOf<K>>[];
  list<K extends KindName>(kind: K, namespace: string): readonly ConfigObject<SpecOf<K>>[];
  get<K extends KindName>(kind: K, namespace: string, name: string): ConfigObject<SpecOf<K>> | undefined;
  all(): Iterable<ConfigObject>;
  readonly complaints: readonly Complaint[];
  readonly statusInputs: ReadonlyMap<string, StatusInput>;
}

/** Keys (`objectKey`) of what differs between two views. */
export interface ConfigDiff {
  readonly from: number;
  readonly to: number;
  readonly added: ReadonlySet<string>;
  readonly changed: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export type ConfigSubscriber = (view: ConfigView, diff: ConfigDiff) => void;
