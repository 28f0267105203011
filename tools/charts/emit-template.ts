// Writes an object that holds markers as the text of a Helm template that renders it.
import { dump } from 'js-yaml';
import { hasMarker, type Marker, markerOf, pieces } from './marker.ts';

/** Structures that stand as YAML text inside an object, by the expression of their marker. */
export type Embedded = ReadonlyMap<string, unknown>;

type Lines = readonly string[];
const pad = (indent: number): string => ' '.repeat(indent);

export function emitTemplate(object: object, embedded: Embedded): string {
  return `${mapping(object as Record<string, unknown>, 0, embedded).join('\n')}\n`;
}

function mapping(object: Record<string, unknown>, indent: number, embedded: Embedded): Lines {
  const merged = treeMarkers(object);
  if (merged.length > 0) return [`${pad(indent)}{{- ${structure(object, embedded)} | toYaml | nindent ${indent} }}`];
  return Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => entry(key, value, indent, embedded));
}

function entry(key: string, value: unknown, indent: number, embedded: Embedded): Lines {
  const head = `${pad(indent)}${scalar(key)}:`;
  const whole = onlyMarker(value);
  if (whole !== undefined) {
    const inner = `${pad(indent + 2)}{{- toYaml . | nindent ${indent + 2} }}`;
    return [`${pad(indent)}{{- with ${whole} }}`, head, inner, `${pad(indent)}{{- end }}`];
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${head} []`];
    const each = value.length === 1 ? eachOf(value[0]) : undefined;
    const lines = [head, ...value.flatMap((item) => listItem(item, indent + 2, embedded))];
    return each === undefined ? lines : [`${pad(indent)}{{- if ${each} }}`, ...lines, `${pad(indent)}{{- end }}`];
  }
  if (typeof value === 'object' && value !== null) {
    if (Object.keys(value).length === 0) return [`${head} {}`];
    return [head, ...mapping(value as Record<string, unknown>, indent + 2, embedded)];
  }
  const text = markerOf(value);
  if (text?.kind === 'yaml')
    return [
      `${head} |`,
      `${pad(indent + 2)}{{- ${structure(embedded.get(text.expression), embedded)} | toYaml | nindent ${indent + 2} }}`,
    ];
  return [`${head} ${leaf(value, embedded)}`];
}

function listItem(item: unknown, indent: number, embedded: Embedded): Lines {
  const at = pad(indent);
  const whole = markerOf(item);
  if (whole?.kind === 'list')
    return [`${at}{{- with ${whole.expression} }}`, `${at}{{- toYaml . | nindent ${indent} }}`, `${at}{{- end }}`];
  const name = namedBy(item);
  if (name?.kind === 'tree')
    return [
      `${at}{{- range $name, $value := ${name.expression} }}`,
      `${at}- name: {{ $name | quote }}`,
      `${at}  value: {{ $value | toString | quote }}`,
      `${at}{{- end }}`,
    ];
  if (name?.kind === 'list')
    return [`${at}{{- range ${name.expression} }}`, `${at}- name: {{ . | quote }}`, `${at}{{- end }}`];
  if (typeof item !== 'object' || item === null) return [`${at}- ${leaf(item, embedded)}`];
  const lines = [...mapping(item as Record<string, unknown>, indent + 2, embedded)];
  // The dash stands where the first key's indentation was; a template line has none.
  const first = lines.findIndex((line) => !line.trimStart().startsWith('{{'));
  if (first !== 0) return [`${at}-`, ...lines];
  lines[0] = `${at}- ${(lines[0] as string).trimStart()}`;
  return lines;
}

function leaf(value: unknown, embedded: Embedded): string {
  if (typeof value !== 'string' || !hasMarker(value)) return scalar(value);
  const whole = markerOf(value);
  if (whole?.kind === 'raw') return `{{ ${whole.expression} }}`;
  return `{{ ${textExpression(value, embedded)} | quote }}`;
}

function scalar(value: unknown): string {
  return dump(value, { lineWidth: -1 }).trimEnd();
}

function textExpression(text: string, embedded: Embedded): string {
  const json = parsedJson(text);
  if (json !== undefined) return `(${structure(json, embedded)} | toJson)`;
  const parts = pieces(text);
  if (parts.length === 1 && typeof parts[0] === 'object') return (parts[0] as Marker).expression;
  const format = parts.map((part) => (typeof part === 'string' ? part.replaceAll('%', '%%') : '%v')).join('');
  const given = parts.filter((part) => typeof part !== 'string').map((part) => `(${part.expression})`);
  return `(printf ${JSON.stringify(format)} ${given.join(' ')})`;
}

function parsedJson(text: string): unknown {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A Helm expression whose value is the structure. */
export function structure(value: unknown, embedded: Embedded): string {
  if (typeof value === 'string') {
    if (!hasMarker(value)) return JSON.stringify(value);
    const whole = markerOf(value);
    return whole === undefined || whole.kind === 'text'
      ? `(${textExpression(value, embedded)} | toString)`
      : `(${whole.expression})`;
  }
  if (Array.isArray(value)) {
    const plain = value.filter((item) => markerOf(item)?.kind !== 'list').map((item) => structure(item, embedded));
    const lists = value.map(markerOf).filter((item) => item?.kind === 'list');
    const own = `(list ${plain.join(' ')})`;
    if (plain.length === 0 && lists.length === 1) return `(${lists[0]?.expression} | default list)`;
    return lists.length === 0
      ? own
      : `(concat ${own} ${lists.map((one) => `(${one?.expression} | default list)`).join(' ')})`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([key, inner]) => markerOf(key) === undefined && inner !== undefined);
    const own = `(dict ${fields.map(([key, inner]) => `${JSON.stringify(key)} ${structure(inner, embedded)}`).join(' ')})`;
    const over = treeMarkers(value).map((one) => `(deepCopy (${one} | default dict))`);
    return over.length === 0 ? own : `(mergeOverwrite ${own} ${over.join(' ')})`;
  }
  return value === null ? 'nil' : String(value);
}

function treeMarkers(object: object): readonly string[] {
  return Object.keys(object).flatMap((key) => markerOf(key)?.expression ?? []);
}

/** The expression of a mapping or list that is nothing but what the user gave. */
function onlyMarker(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value))
    return value.length === 1 && markerOf(value[0])?.kind === 'list' ? markerOf(value[0])?.expression : undefined;
  const keys = Object.keys(value);
  return keys.length === 1 ? markerOf(keys[0])?.expression : undefined;
}

function namedBy(item: unknown): Marker | undefined {
  if (typeof item !== 'object' || item === null || !('name' in item)) return undefined;
  const found = markerOf(item.name);
  return found?.kind === 'tree' || found?.kind === 'list' ? found : undefined;
}

function eachOf(item: unknown): string | undefined {
  return namedBy(item)?.expression;
}
