// topsail delete: removes objects by kind and name, or those that manifests name.
import type { DeletedJson, ObjectId } from '#api';
import { type CliContext, CliError } from './context.ts';
import { findingText } from './finding-text.ts';
import { findKind, objectName } from './kinds.ts';
import { openMesh } from './mesh-client.ts';
import { readManifests } from './read-manifests.ts';

export interface DeleteOptions {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly home?: string;
  readonly ignoreNotFound?: boolean;
}

export async function deleteObjects(
  context: CliContext,
  words: readonly string[],
  options: DeleteOptions,
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const body =
    options.filename.length > 0
      ? { texts: await readManifests(context, options.filename), namespace: options.namespace }
      : { objects: namedObjects(words, options.namespace) };
  const deleted = await mesh.post<readonly DeletedJson[]>('/api/v1/delete', body);
  if (deleted.length === 0) throw new CliError('No objects passed to delete: nothing here names one by kind and name.');
  let failed = false;
  for (const one of deleted) {
    if (one.finding !== undefined) context.err(findingText(one.finding));
    else if (one.error !== undefined) context.err(`${objectName(one)}: ${one.error}\n`);
    else if (one.found) context.out(`${objectName(one)} deleted\n`);
    else if (options.ignoreNotFound !== true) context.err(`Error (NotFound): ${objectName(one)} not found\n`);
    failed ||= one.error !== undefined || (!one.found && options.ignoreNotFound !== true);
  }
  return failed ? 1 : 0;
}

/** `vs reviews ratings`, or `vs/reviews dr/ratings`. */
export function namedObjects(words: readonly string[], namespace: string): ObjectId[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new CliError('Name what you mean: KIND NAME, KIND/NAME, or files with -f.');
  if (first.includes('/')) {
    return words.map((word) => {
      const slash = word.indexOf('/');
      return { kind: kindOf(word.slice(0, slash)), namespace, name: word.slice(slash + 1) };
    });
  }
  if (rest.length === 0) throw new CliError(`Name the ${first} that you mean.`);
  return rest.map((name) => ({ kind: kindOf(first), namespace, name }));
}

export function kindOf(word: string): string {
  const found = findKind(word);
  if (found === undefined) throw new CliError(`the server doesn't have a resource type "${word}"`);
  return found.kind;
}
