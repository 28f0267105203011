// Reads manifests with the control plane's own parser, and sees them together with its own eyes, and says what it says.
import type { FindingJson } from '#api';
import { ConfigStore } from '#config';
import { parseText } from '#config/parse';
import { acrossConfig } from '#push';
import { inOwnText } from './own-places.ts';

type Texts = readonly { readonly file: string; readonly text: string }[];

const DOMAIN = 'cluster.local';

export function validateTexts(
  texts: Texts,
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

/** As if the texts were all of the configuration. */
export function analyzeTexts(texts: Texts, namespace: string): readonly FindingJson[] {
  const store = new ConfigStore();
  for (const { file, text } of texts) store.setFile(file, parseText(file, text, { defaultNamespace: namespace }));
  store.commit();
  const across = acrossConfig(store.view, DOMAIN).map((finding) => {
    const [kind = '', name = ''] = finding.object.split(' ');
    const [place = '', own = ''] = name.split('/');
    return inOwnText(finding, { kind, namespace: place, name: own }, texts, namespace);
  });
  return [...store.view.complaints, ...across];
}
