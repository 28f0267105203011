// Cuts a text into YAML documents without reading them, so that one bad document leaves the others alone (YAML 1.2 §9.2: `---` at the beginning of a line is always a marker).

export interface TextDocument {
  readonly index: number;
  /** Line of the file at which `text` begins, from 1. */
  readonly line: number;
  readonly text: string;
}

const MARKER = /^---(?=[ \t]|$)/;
const END = /^\.\.\.(?=[ \t]|$)/;

export function splitDocuments(text: string): TextDocument[] {
  const documents: TextDocument[] = [];
  let lines: string[] = [];
  let start = 1;
  const close = (next: number): void => {
    if (lines.some(hasContent)) documents.push({ index: documents.length, line: start, text: lines.join('\n') });
    lines = [];
    start = next;
  };
  const all = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [i, line] of all.entries()) {
    if (MARKER.test(line)) {
      close(i + 1);
      // The marker becomes spaces: what follows it on the line keeps its column.
      lines.push(`   ${line.slice(3)}`);
    } else if (END.test(line)) close(i + 2);
    else lines.push(line);
  }
  close(all.length + 1);
  return documents;
}

function hasContent(line: string): boolean {
  return /^\s*[^\s#]/.test(line) && !line.startsWith('%');
}
