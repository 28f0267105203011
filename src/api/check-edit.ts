// Says what an edit would be told if it were saved: the parser's findings, and those between objects as they would
// stand with the edit in force. Nothing is written.
import { analyze, ConfigStore, type ConfigView, type ParsedDocument, parseText } from '#config';
import type { ApplyAsk, FindingJson, ObjectId } from './api-json.ts';
import type { ValidateAnswer } from './dashboard-json.ts';

/** The documents in force, by file. */
export type DocumentsInForce = () => ReadonlyMap<string, readonly ParsedDocument[]>;

/** Of what is said of documents, without what concerns nobody who runs, with this configuration in force. */
export type Heeded = (complaints: readonly FindingJson[], config: ConfigView) => readonly FindingJson[];

export function checkEdit(ask: ApplyAsk, inForce: DocumentsInForce, heeded: Heeded): ValidateAnswer {
  const edited = ask.texts.map(({ file, text }) => ({
    file,
    documents: parseText(file, text, { defaultNamespace: ask.namespace }),
  }));
  const all = edited.flatMap((one) => one.documents);
  const keys = new Set(all.flatMap((one) => one.key ?? []));
  const before = analyze(viewWith(inForce(), []));
  const known = new Set(before.map(identity));
  const view = viewWith(inForce(), edited, keys);
  const after = analyze(view);
  const names = new Set(all.map((one) => `${one.kind} ${one.namespace}/${one.name}`));
  // Findings of others that were there before are not this edit's.
  const own = after.filter((one) => names.has(one.object) || !known.has(identity(one)));
  const objects = all.flatMap(({ kind, namespace, name }): ObjectId[] =>
    kind === undefined || namespace === undefined || name === undefined ? [] : [{ kind, namespace, name }],
  );
  const complaints = all.flatMap((one) => one.complaints);
  return { objects, findings: [...heeded(complaints, view), ...own] };
}

function viewWith(
  inForce: ReadonlyMap<string, readonly ParsedDocument[]>,
  edited: readonly { readonly file: string; readonly documents: readonly ParsedDocument[] }[],
  replaced: ReadonlySet<string> = new Set(),
): ConfigView {
  const store = new ConfigStore();
  for (const [file, documents] of inForce)
    store.setFile(
      file,
      documents.filter((one) => one.key === undefined || !replaced.has(one.key)),
    );
  for (const [i, { file, documents }] of edited.entries()) store.setFile(`${file}#${i}`, documents);
  store.commit();
  return store.view;
}

function identity(finding: FindingJson): string {
  return `${finding.code} ${finding.object} ${finding.path} ${finding.message}`;
}
