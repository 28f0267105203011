// Walks through protobuf's JSON, where whatever is missing is its default.

export type Json = { readonly [key: string]: unknown };

export function jsonList(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

export function jsonAt(value: unknown, ...path: readonly string[]): Json | undefined {
  let here = value as Json | undefined;
  for (const name of path) here = here?.[name] as Json | undefined;
  return here;
}
