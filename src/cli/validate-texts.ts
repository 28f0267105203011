// Reads manifests with the control plane's own parser and says what it says.
import type { FindingJson } from '#api';
import { parseText } from '#config/parse';

export function validateTexts(
  texts: readonly { readonly file: string; readonly text: string }[],
  namespace: string,
): { readonly file: string; readonly objects: number; readonly findings: readonly FindingJson[] }[] {
  return texts.map(({ file, text }) => {
    const documents = parseText(file, text, { defaultNamespace: namespace });
    return {
      file,
      objects: documents.filter((one) => one.object !== undefined).length,
      findings: documents.flatMap((one) => [...one.complaints]),
    };
  });
}
