// A manifest that is plain data already (from the API server, an admission request, an editor) becomes an object or complaints, without positions.

import type { Complaint } from '../model/complaint.ts';
import type { ConfigObject, ObjectSource } from '../model/object.ts';
import { MAX_PROBLEMS } from '../limits.ts';
import { Problems, toComplaint } from '../problem.ts';
import { isMapping } from './read-by-schema.ts';
import { readManifest, type ReadManifest } from './read-manifest.ts';

export interface ParsedManifest {
  readonly object?: ConfigObject;
  readonly complaints: readonly Complaint[];
}

export function parseManifest(
  manifest: unknown,
  options: { readonly source?: ObjectSource; readonly defaultNamespace?: string; readonly createdMs?: number } = {},
): ParsedManifest {
  const problems = new Problems(MAX_PROBLEMS);
  const source = options.source ?? { file: '', line: 0, document: 0 };
  let read: ReadManifest = {};
  if (isMapping(manifest))
    read = readManifest(manifest, source, problems, {
      defaultNamespace: options.defaultNamespace ?? 'default',
      createdMs: options.createdMs ?? 0,
    });
  else problems.say('TS-CFG-0004', [], { found: 'something else' });
  const object = `${read.kind ?? ''} ${read.namespace ?? ''}/${read.name ?? ''}`;
  const complaints = problems.list.map((problem) =>
    toComplaint(problem, { file: source.file, line: source.line, column: 0, object }),
  );
  return { complaints, ...(read.object === undefined ? {} : { object: read.object }) };
}
