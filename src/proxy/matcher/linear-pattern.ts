// A pattern that may match any part of a text (CEL's matches), run by the engines of linear time only.

import { compileRegex } from './regex.ts';

/** Throws a ConfigError for what RE2 refuses. */
export function linearPattern(source: string, field: string): (text: string) => boolean {
  const regex = compileRegex(`(?s:.*)(?:${source})(?s:.*)`, field);
  return (text) => regex.matches(text);
}
