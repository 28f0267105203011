// The text of a file becomes objects and complaints: documents are read one by one with js-yaml; only a bad one is read again, with positions.

import { CORE_SCHEMA, load, mergeTag, YAMLException } from 'js-yaml';
import type { Complaint } from '../model/complaint.ts';
import { isKind, KINDS, type KindName } from '../model/kinds.ts';
import { type ConfigObject, objectKey } from '../model/object.ts';
import { MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_FILE_BYTES, MAX_PROBLEMS } from '../limits.ts';
import { type Problem, Problems, toComplaint } from '../problem.ts';
import { locate } from './locate.ts';
import { MESH_CONFIG_MAP, meshOf } from './mesh-config-map.ts';
import { isMapping } from './read-by-schema.ts';
import { itemsOf, readManifest, type ReadManifest } from './read-manifest.ts';
import { splitDocuments, type TextDocument } from './split-documents.ts';
import { unclosedFlow } from './unclosed-flow.ts';

export interface ParseOptions {
  readonly defaultNamespace?: string;
  /** Age of objects without a creationTimestamp, milliseconds since the epoch. */
  readonly createdMs?: number;
}

export interface ParsedDocument {
  /** Of the file, from 0; items of a List share it. */
  readonly document: number;
  /** One of several objects of its document: it cannot be replaced by itself. */
  readonly inList?: true;
  readonly line: number;
  /** The document's text, comments included. */
  readonly text: string;
  /** Set where kind and name could be read, good or bad. */
  readonly kind?: KindName;
  readonly namespace?: string;
  readonly name?: string;
  readonly key?: string;
  /** Set when nothing is wrong beyond warnings. */
  readonly object?: ConfigObject;
  readonly complaints: readonly Complaint[];
  /** Of a bad document the plain value, as far as YAML could be read: for what stands in for a security policy. */
  readonly value?: unknown;
}

const YAML_SCHEMA = CORE_SCHEMA.withTags(mergeTag);

export function parseText(file: string, text: string, options: ParseOptions = {}): ParsedDocument[] {
  const size = Buffer.byteLength(text);
  if (size > MAX_FILE_BYTES) return [whole(file, 'TS-CFG-0002', { size, limit: MAX_FILE_BYTES })];
  const documents = splitDocuments(text);
  if (documents.length > MAX_DOCUMENTS) return [whole(file, 'TS-CFG-0010', { limit: MAX_DOCUMENTS })];
  return documents.flatMap((document) => parseDocument(file, document, options));
}

function whole(file: string, code: Problem['code'], args: Problem['args']): ParsedDocument {
  const complaint = toComplaint({ code, path: [], args }, { file, line: 1, column: 1, object: '' });
  return { document: 0, line: 1, text: '', complaints: [complaint] };
}

function parseDocument(file: string, document: TextDocument, options: ParseOptions): ParsedDocument[] {
  const size = Buffer.byteLength(document.text);
  const frame = { file, document, options };
  if (size > MAX_DOCUMENT_BYTES)
    return [refuse(frame, { code: 'TS-CFG-0002', path: [], args: { size, limit: MAX_DOCUMENT_BYTES } }, 1, 1)];
  const foreign = foreignByte(document.text);
  const loaded = foreign ?? loadYaml(document.text, document.line);
  if (!loaded.ok)
    return [
      {
        ...refuse(frame, loaded.problem, loaded.line, loaded.column),
        ...sniff(document.text, options.defaultNamespace ?? 'default'),
      },
    ];
  const items = itemsOf(loaded.value);
  if (items === undefined) return parseValue(frame, loaded.value, []);
  return items.flatMap((item, i) => parseValue(frame, item, ['items', i]));
}

/** Bytes that are not UTF-8 arrive as U+FFFD: written back, what they said would be lost. */
function foreignByte(text: string): Loaded | undefined {
  const at = text.indexOf('\uFFFD');
  if (at === -1) return undefined;
  const before = text.slice(0, at).split('\n');
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  return { ok: false, problem: { code: 'TS-CFG-0016', path: [], args: {} }, ...place };
}

interface Frame {
  readonly file: string;
  readonly document: TextDocument;
  readonly options: ParseOptions;
}

function refuse(frame: Frame, problem: Problem, line: number, column: number): ParsedDocument {
  const { document, file } = frame;
  const complaint = toComplaint(problem, { file, line: document.line + line - 1, column, object: '' });
  return { document: document.index, line: document.line, text: document.text, complaints: [complaint] };
}

/** The identity that a broken text most likely has, by its lines: so that what it governed is not lost with it. */
function sniff(text: string, defaultNamespace: string): Pick<ParsedDocument, 'kind' | 'namespace' | 'name' | 'key'> {
  const kind = /^kind:\s*["']?(\w+)/m.exec(text)?.[1];
  const metadata = /^metadata:(.*(?:\n(?:[ \t]+.*|[ \t]*))*)/m.exec(text)?.[1] ?? '';
  const name = /(?:^|[\s{,])name:\s*["']?([a-z0-9][-a-z0-9.]*)/m.exec(metadata)?.[1];
  const namespace = /(?:^|[\s{,])namespace:\s*["']?([a-z0-9][-a-z0-9]*)/m.exec(metadata)?.[1] ?? defaultNamespace;
  if (kind === undefined || !isKind(kind) || name === undefined) return {};
  const place = KINDS[kind].namespaced ? namespace : '';
  return { kind, namespace: place, name, key: objectKey(kind, place, name) };
}

type Loaded =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: Problem; readonly line: number; readonly column: number };

/** `firstLine`: of the text in its file. */
function loadYaml(text: string, firstLine: number): Loaded {
  try {
    return { ok: true, value: load(text, { schema: YAML_SCHEMA }) };
  } catch (thrown) {
    const mark = thrown instanceof YAMLException ? thrown.mark : undefined;
    const place = { line: (mark?.line ?? 0) + 1, column: (mark?.column ?? 0) + 1 };
    // Anything else is a nesting that exhausts the stack.
    if (!(thrown instanceof YAMLException))
      return { ok: false, problem: { code: 'TS-CFG-0003', path: [], args: { depth: MAX_DEPTH } }, ...place };
    const opened = mark === undefined ? undefined : unclosedFlow(text, place.line);
    const cause =
      opened === undefined
        ? ''
        : `; \`${opened.bracket}\` opened at ${firstLine + opened.line - 1}:${opened.column} is not closed`;
    const reason = `${thrown.reason}${cause}`;
    return { ok: false, problem: { code: 'TS-CFG-0001', path: [], args: { reason } }, ...place };
  }
}

function parseValue(frame: Frame, value: unknown, prefix: readonly (string | number)[]): ParsedDocument[] {
  const { file, document, options } = frame;
  const problems = new Problems(MAX_PROBLEMS);
  const source = Object.freeze({ file, line: document.line, document: document.index });
  let read: ReadManifest = {};
  if (isMapping(value)) {
    read = readManifest(value, source, problems, {
      defaultNamespace: options.defaultNamespace ?? 'default',
      createdMs: options.createdMs ?? 0,
    });
  } else {
    const found = Array.isArray(value) ? 'a list' : value === null ? 'empty' : 'a single value';
    problems.say('TS-CFG-0004', [], { found });
  }
  const mesh = read.object === undefined ? [] : meshOf(read.object, problems);
  const { kind, namespace, name } = read;
  const identity =
    kind === undefined || namespace === undefined || name === undefined
      ? {}
      : { kind, namespace, name, key: objectKey(kind, namespace, name) };
  const parsed: ParsedDocument = {
    document: document.index,
    line: document.line,
    text: document.text,
    ...(prefix.length === 0 ? {} : { inList: true as const }),
    ...identity,
    complaints: place(frame, problems, prefix, read),
    ...(read.object === undefined || problems.failed ? { value } : { object: read.object }),
  };
  if (read.kind === 'ConfigMap') return [parsed, ...meshDocuments(parsed, mesh, problems.failed)];
  return [parsed];
}

/** The mesh's configuration in a ConfigMap is an object of its own: it has a last good version of its own. */
function meshDocuments(parsed: ParsedDocument, mesh: readonly ConfigObject[], failed: boolean): ParsedDocument[] {
  if (parsed.name !== MESH_CONFIG_MAP || parsed.namespace === undefined) return [];
  const { namespace, name } = parsed;
  const { object: _, ...rest } = parsed;
  const kinds: readonly KindName[] = failed
    ? ['MeshConfig', 'MeshNetworks']
    : mesh.map((object) => object.kind as KindName);
  return kinds.map((kind) => {
    const object = mesh.find((candidate) => candidate.kind === kind);
    return {
      ...rest,
      complaints: [],
      kind,
      key: objectKey(kind, namespace, name),
      ...(object === undefined ? {} : { object }),
    };
  });
}

function place(
  frame: Frame,
  problems: Problems,
  prefix: readonly (string | number)[],
  read: ReadManifest,
): Complaint[] {
  if (problems.list.length === 0) return [];
  const { document, file } = frame;
  const spots = locate(
    document.text,
    problems.list.map((p) => ({ ...p, path: [...prefix, ...p.path] })),
  );
  const object =
    read.kind === undefined
      ? ''
      : `${read.kind} ${read.namespace === undefined || read.namespace === '' ? '' : `${read.namespace}/`}${read.name ?? ''}`.trim();
  return problems.list.map((problem, i) => {
    const spot = spots[i] ?? { line: 1, column: 1 };
    return toComplaint(problem, { file, line: document.line + spot.line - 1, column: spot.column, object });
  });
}
