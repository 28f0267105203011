// A state of the configuration as an edit would make it, of which nothing is kept.

import type { ConfigObject } from '../model/object.ts';
import type { ConfigView } from '../model/view.ts';
import type { ParsedDocument } from '../parse/parse-text.ts';
import { viewOf } from './frozen-view.ts';

export interface Edit {
  /** `objectKey`s. */
  readonly removed?: readonly string[];
  /** Age of objects that are new. */
  readonly nowMs: number;
}

/** An edited object keeps its age: which of two is older decides between them. Documents that hold no object change nothing. */
export function editedView(view: ConfigView, documents: readonly ParsedDocument[], edit: Edit): ConfigView {
  const gone = new Set(edit.removed ?? []);
  const objects = new Map<string, ConfigObject>();
  for (const one of view.all()) if (!gone.has(one.key)) objects.set(one.key, one);
  for (const { object } of documents) {
    if (object === undefined) continue;
    const creationTimestampMs = objects.get(object.key)?.metadata.creationTimestampMs ?? edit.nowMs;
    objects.set(object.key, { ...object, metadata: { ...object.metadata, creationTimestampMs } });
  }
  return viewOf([...objects.values()]);
}
