// Joins conditions of a policy, and says how repeated headers count in it.

import type { RequestPredicate } from '../../matcher/match-input.ts';

/**
 * Repeated headers are never joined into one text: a rule that admits must hold for `all` values, a
 * rule that refuses holds for `any`. Below a "not" it is the other way round.
 */
export type Duplicates = 'any' | 'all';

export function opposite(duplicates: Duplicates): Duplicates {
  return duplicates === 'any' ? 'all' : 'any';
}

export function allOf(parts: readonly RequestPredicate[]): RequestPredicate {
  if (parts.length === 1) return parts[0] as RequestPredicate;
  return (input) => {
    for (const part of parts) if (!part(input)) return false;
    return true;
  };
}

export function anyOf(parts: readonly RequestPredicate[]): RequestPredicate {
  if (parts.length === 1) return parts[0] as RequestPredicate;
  return (input) => {
    for (const part of parts) if (part(input)) return true;
    return false;
  };
}
