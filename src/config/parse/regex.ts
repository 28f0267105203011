// Decides whether a pattern is legal: RE2's syntax, by re2js (design 11).

import { RE2JS } from 're2js';

/** Why `pattern` is no RE2 pattern; undefined when it is one. */
export function re2Problem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** The instructions that a legal pattern becomes; undefined for one that is not. */
export function re2Size(pattern: string): number | undefined {
  return re2Problem(pattern) === undefined ? RE2JS.compile(pattern).programSize() : undefined;
}
