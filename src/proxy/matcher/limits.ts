// Limits of what a matcher from configuration may cost.

/** RE2 instructions a pattern may compile to; what Istio's bootstrap sets for Envoy (re2.max_program_size.error_level). */
export const MAX_REGEX_PROGRAM_SIZE = 32_768;
/** Levels of and/or/not a compiled policy may nest; protects the stack of the compiler and of the evaluation. */
export const MAX_MATCHER_DEPTH = 100;
