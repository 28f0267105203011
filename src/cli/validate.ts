// topsail validate: says what the control plane would say of manifests, without one.
import { type CliContext, CliError } from './context.ts';
import { findingText } from './finding-text.ts';
import { readManifests } from './read-manifests.ts';

export interface ValidateOptions {
  readonly filename: readonly string[];
  readonly namespace: string;
}

export async function validate(context: CliContext, options: ValidateOptions): Promise<number> {
  const texts = await readManifests(context, options.filename);
  const { validateTexts } = await import('./validate-texts.ts');
  let errors = 0;
  for (const { file, findings, objects } of validateTexts(texts, options.namespace)) {
    for (const finding of findings) context.err(findingText(finding));
    const bad = findings.filter((finding) => finding.severity === 'error').length;
    errors += bad;
    if (bad === 0) context.out(`${file}: ${objects} ${objects === 1 ? 'object is' : 'objects are'} valid\n`);
  }
  if (errors > 0)
    throw new CliError(`${errors} ${errors === 1 ? 'error' : 'errors'} found; docs/errors.md explains each code`);
  context.out(
    'What objects refer to (hosts, subsets, gateways, Secrets) is not looked at: topsail analyze -f does, --offline without a mesh.\n',
  );
  return 0;
}
