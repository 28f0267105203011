// What an edit would do to the requests of the last minutes, and who was denied by which rule.
import type { ApplyAsk, FindingJson, ObjectId } from './api-json.ts';

export interface WhatIfAsk extends ApplyAsk {
  /** Objects that would go. */
  readonly removed?: readonly ObjectId[];
}

/** `fails`: answered otherwise than now, with an error. `recovers`: the error goes. `moves`: another destination answers. */
export type WhatIfEffect = 'fails' | 'may fail' | 'slower' | 'moves' | 'recovers';

export interface WhatIfChangeJson {
  readonly effect: WhatIfEffect;
  readonly side: 'caller' | 'callee';
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** Remembered requests of this kind, and their latest ids. */
  readonly count: number;
  readonly ids: readonly string[];
  readonly before: string;
  readonly after: string;
  /** What decides it after the edit, where that can be told. */
  readonly cause: ObjectId | undefined;
  /** It also depends on what is not remembered: headers, query, token, address. */
  readonly unsure: boolean;
}

export interface WhatIfJson {
  readonly findings: readonly FindingJson[];
  readonly objects: readonly ObjectId[];
  readonly changes: readonly WhatIfChangeJson[];
  /** Remembered requests that were replayed, since when, and how many stay as they are. */
  readonly requests: number;
  /** Of about so many that proxies saw since then: the rest was not remembered. */
  readonly seen: number;
  readonly sinceMs: number;
  readonly unchanged: number;
  /** What such an edit does beyond what a replay can show. */
  readonly notes: readonly string[];
}

export interface DeniedJson {
  readonly workload: string;
  readonly namespace: string;
  readonly source: string;
  readonly sourceNamespace: string;
  readonly principal: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly count: number;
  readonly lastMs: number;
  readonly ids: readonly string[];
  /** The rule that denied; undefined: ALLOW policies apply and none of their rules matched, or it was a token. */
  readonly rule: { readonly namespace: string; readonly name: string; readonly rule: number } | undefined;
  readonly words: string;
}
