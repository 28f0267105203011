// Compiles the `filter` and `name_regex` parameters. They are the reader's text, so only linear-time
// matching runs on them (design 11): re2js, loaded when first asked for.

export type NameFilter = (name: string) => boolean;

/** Undefined accepts all. Throws BadFilter on what is no RE2 expression. */
export async function compileNameFilter(pattern: string | null): Promise<NameFilter | undefined> {
  if (pattern === null || pattern === '') return undefined;
  if (pattern.length > MAX_PATTERN_CHARS)
    throw new BadFilter(`The regular expression is longer than ${MAX_PATTERN_CHARS} characters.`);
  // Names are plain; so is the search for them.
  if (/^[\w.-]+$/.test(pattern) && !pattern.includes('.')) return (name) => name.includes(pattern);
  const { RE2JS } = await import('re2js');
  try {
    const compiled = RE2JS.compile(pattern);
    return (name) => compiled.matcher(name).find();
  } catch (error) {
    throw new BadFilter(`Invalid regex: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export class BadFilter extends Error {}

const MAX_PATTERN_CHARS = 1_000;
