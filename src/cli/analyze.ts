// topsail analyze: what is wrong in the mesh, what it would say of manifests if they were applied, or of the manifests alone.
import type { FindingJson, ValidateAnswer } from '#api';
import { type CliContext, CliError } from './context.ts';
import { findingText } from './finding-text.ts';
import { type MeshClient, openMesh } from './mesh-client.ts';
import { readManifests } from './read-manifests.ts';

export interface AnalyzeOptions {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly home?: string;
  /** The manifests are the whole configuration. */
  readonly offline?: boolean;
}

export async function analyze(context: CliContext, options: AnalyzeOptions): Promise<number> {
  if (options.filename.length > 0) return await analyzeFiles(context, options);
  if (options.offline === true) throw new CliError('--offline is about manifests: name them with -f.');
  return await (await import('./status.ts')).check(context, options);
}

async function analyzeFiles(context: CliContext, options: AnalyzeOptions): Promise<number> {
  const texts = await readManifests(context, options.filename);
  const findings =
    options.offline === true
      ? (await import('./validate-texts.ts')).analyzeTexts(texts, options.namespace)
      : (await judgedByMesh(await meshOrRemedy(context, options.home), texts, options.namespace)).findings;
  const told = findings.filter(({ severity }) => severity !== 'info');
  for (const finding of told) context.out(findingText(finding));
  if (told.some(({ severity }) => severity === 'error')) return 1;
  const files = `${texts.length} ${texts.length === 1 ? 'file' : 'files'}`;
  if (told.length === 0)
    context.out(`All is well with ${files}${options.offline === true ? '' : ', in the mesh as it is'}.\n`);
  return 0;
}

async function judgedByMesh(
  mesh: MeshClient,
  texts: readonly { readonly file: string; readonly text: string }[],
  namespace: string,
): Promise<{ readonly findings: readonly FindingJson[] }> {
  return await mesh.post<ValidateAnswer>('/api/v1/check', { texts, namespace });
}

async function meshOrRemedy(context: CliContext, home: string | undefined): Promise<MeshClient> {
  try {
    return await openMesh(context, home);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${error.message} With --offline the files are judged by themselves.`);
  }
}
