// Changes to the text of configuration files that keep everything else as its owner wrote it, comments included.

import { isMap, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { splitDocuments } from '../parse/split-documents.ts';

/** The file's text with one document replaced. */
export function replaceDocument(fileText: string, index: number, text: string): string {
  return rebuild(fileText, index, text);
}

/** The file's text without one document; undefined when nothing is left. */
export function removeDocument(fileText: string, index: number): string | undefined {
  if (splitDocuments(fileText).length <= 1) return undefined;
  return rebuild(fileText, index, undefined);
}

function rebuild(fileText: string, index: number, replacement: string | undefined): string {
  const texts = splitDocuments(fileText).map((document) => (document.index === index ? replacement : document.text));
  const kept = texts.filter((text): text is string => text !== undefined);
  return kept.map((text, i) => (i === 0 ? '' : '---\n') + trimmed(text)).join('');
}

/** Without the blank first line that a marker leaves, and with one line end at the end. */
function trimmed(text: string): string {
  return `${text.replace(/^[ \t]*\n/, '').trimEnd()}\n`;
}

/** The document's text with `metadata.namespace` set where it is not written. */
export function withNamespace(text: string, namespace: string): string {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const metadata = document.get('metadata', true);
  if (!isMap(metadata) || metadata.has('namespace')) return text;
  const at = insertionPoint(metadata);
  if (at === undefined) {
    document.setIn(['metadata', 'namespace'], namespace);
    return document.toString();
  }
  const { col } = lines.linePos(at);
  return `${text.slice(0, at)}namespace: ${namespace}\n${' '.repeat(col - 1)}${text.slice(at)}`;
}

/** Before the first key of a block mapping. */
function insertionPoint(metadata: YAMLMap): number | undefined {
  if (metadata.flow === true) return undefined;
  const key = metadata.items[0]?.key as { range?: [number, number, number] } | undefined;
  return key?.range?.[0];
}
