// Markers stand in settings for values that a chart's user will give: text that names a Helm expression.

export type MarkerKind = 'text' | 'raw' | 'tree' | 'list' | 'yaml';

export interface Marker {
  readonly kind: MarkerKind;
  readonly expression: string;
}

const ANY = /⟦(text|raw|tree|list|yaml):([^⟧]*)⟧/g;
const WHOLE = /^⟦(text|raw|tree|list|yaml):([^⟧]*)⟧$/;

export function marker(kind: MarkerKind, expression: string): string {
  return `⟦${kind}:${expression}⟧`;
}

/** The marker that a string is, whole. */
export function markerOf(value: unknown): Marker | undefined {
  if (typeof value !== 'string') return undefined;
  const found = WHOLE.exec(value);
  return found === null ? undefined : { kind: found[1] as MarkerKind, expression: found[2] as string };
}

/** Literal pieces and markers of a string, in turn. */
export function pieces(text: string): readonly (string | Marker)[] {
  const found: (string | Marker)[] = [];
  let end = 0;
  for (const match of text.matchAll(ANY)) {
    if (match.index > end) found.push(text.slice(end, match.index));
    found.push({ kind: match[1] as MarkerKind, expression: match[2] as string });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push(text.slice(end));
  return found;
}

export function hasMarker(value: unknown): boolean {
  return JSON.stringify(value)?.includes('⟦') ?? false;
}
