// Says what an edit would be told if it were saved: the parser's findings, and those between objects as they would
// stand with the edit in force. Nothing is written.
import { type Complaint, type ConfigView, type ParsedDocument, parseText } from '#config';
import type { ApplyAsk, FindingJson, ObjectId } from './api-json.ts';
import type { ValidateAnswer } from './dashboard-json.ts';

/** The mesh as it would be. */
export interface EditedMesh {
  readonly config: ConfigView;
  /** Between its objects: of those of the edit, and what the edit brings upon others. */
  readonly findings: readonly Complaint[];
}

/** Undefined before there is a mesh to edit. */
export type TryEdit = (documents: readonly ParsedDocument[]) => EditedMesh | undefined;

/** Of what is said of documents, without what concerns nobody who runs, with this configuration in force. */
export type Heeded = (complaints: readonly FindingJson[], config: ConfigView) => readonly FindingJson[];

export function checkEdit(ask: ApplyAsk, tryEdit: TryEdit, heeded: Heeded): ValidateAnswer {
  const documents = ask.texts.flatMap(({ file, text }) => parseText(file, text, { defaultNamespace: ask.namespace }));
  const objects = documents.flatMap(({ kind, namespace, name }): ObjectId[] =>
    kind === undefined || namespace === undefined || name === undefined ? [] : [{ kind, namespace, name }],
  );
  const complaints = documents.flatMap((one) => one.complaints);
  const edited = tryEdit(documents);
  const findings = edited === undefined ? complaints : [...heeded(complaints, edited.config), ...edited.findings];
  return { objects, findings };
}
