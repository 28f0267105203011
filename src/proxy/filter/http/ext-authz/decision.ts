// What somebody outside says about a request, and how a filter asks.

import type { CheckInput } from './check-input.ts';

export type HeaderChange = {
  readonly name: string;
  readonly value: string;
  readonly how: 'set' | 'append' | 'add-if-absent' | 'overwrite-existing';
};

export type Decision =
  | {
      readonly kind: 'allowed';
      readonly requestHeaders: readonly HeaderChange[];
      readonly requestHeadersToRemove: readonly string[];
      readonly responseHeaders: readonly HeaderChange[];
      readonly queryToSet: readonly (readonly [name: string, value: string])[];
      readonly queryToRemove: readonly string[];
      readonly metadata: Readonly<Record<string, unknown>> | undefined;
    }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly body: string;
      readonly headers: readonly HeaderChange[];
      readonly metadata: Readonly<Record<string, unknown>> | undefined;
    }
  | { readonly kind: 'error'; readonly reason: string };

export const PLAINLY_ALLOWED: Decision & { readonly kind: 'allowed' } = {
  kind: 'allowed',
  requestHeaders: [],
  requestHeadersToRemove: [],
  responseHeaders: [],
  queryToSet: [],
  queryToRemove: [],
  metadata: undefined,
};

export interface Authorizer {
  /** Calls `done` once, at once or later; not after `cancel`. */
  check(input: CheckInput, done: (decision: Decision) => void): { cancel(): void };
}
