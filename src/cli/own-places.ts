// Findings of what was applied, at the line of the file that its owner wrote rather than of the copy that the mesh keeps.
import type { FindingJson, ObjectId } from '#api';
import { locator, parseText, pathSteps, splitDocuments } from '#config/parse';

export interface OwnText {
  readonly file: string;
  readonly text: string;
}

/** The finding as it is where no text holds the object, or not its field. */
export function inOwnText(
  finding: FindingJson,
  id: ObjectId,
  texts: readonly OwnText[],
  namespace: string,
): FindingJson {
  if (finding.path === '') return finding;
  for (const { file, text } of texts) {
    const documents = parseText(file, text, { defaultNamespace: namespace });
    const object = documents.find(
      (one) =>
        one.object?.kind === id.kind &&
        one.object.metadata.name === id.name &&
        one.object.metadata.namespace === id.namespace,
    )?.object;
    const own = splitDocuments(text).findLast((one) => one.line <= (object?.source.line ?? 0));
    if (object === undefined || own === undefined) continue;
    const spot = locator(own.text)({ path: pathSteps(finding.path) });
    return { ...finding, file, line: own.line + spot.line - 1, column: spot.column };
  }
  return finding;
}
