// What the query of /config_dump asks for, or why it asks for nothing that there is.

import type { StreamedAnswer } from '#base';
import { text } from '../admin/answers.ts';
import { compileNameFilter, type NameFilter } from '../admin/name-filter.ts';
import { DUMPS, ENDPOINTS, type Section } from './dump-sections.ts';
import type { DumpedKind, DumpedResource } from './dump-view.ts';

export interface DumpOrder {
  /** Undefined: everything. */
  readonly only: Section | 'bootstrap' | undefined;
  readonly includeEds: boolean;
  /** By name; undefined accepts all. */
  readonly accept: NameFilter | undefined;
}

/** A StreamedAnswer is a refusal. Throws BadFilter on what is no RE2 expression. */
export async function readDumpOrder(query: URLSearchParams): Promise<DumpOrder | StreamedAnswer> {
  if (query.has('mask')) return text('mask is not supported: ask for ?resource= and filter with ?name_regex=\n', 400);
  const accept = await compileNameFilter(query.get('name_regex'));
  const resource = query.get('resource');
  const includeEds = query.has('include_eds');
  if (resource === null) return { only: undefined, includeEds, accept };
  const sections = [...DUMPS, ENDPOINTS].flatMap((d) => d.sections);
  const only = resource === 'bootstrap' ? resource : sections.find((s) => s.field === resource);
  if (only !== undefined) return { only, includeEds, accept };
  return text(
    `${resource} not found in config dump: use one of bootstrap, ${sections.map((s) => s.field).join(', ')}\n`,
    404,
  );
}

export function isRefusal(order: DumpOrder | StreamedAnswer): order is StreamedAnswer {
  return 'status' in order;
}

/** As the page has it: a filter by name leaves the bootstrap out. */
export function showsBootstrap({ accept, only }: DumpOrder): boolean {
  return only === 'bootstrap' || (only === undefined && accept === undefined);
}

export function kindsOf({ includeEds, only }: DumpOrder): readonly DumpedKind[] {
  if (only === 'bootstrap') return [];
  if (only !== undefined) return [only.kind];
  const dumps = includeEds ? [...DUMPS, ENDPOINTS] : DUMPS;
  return [...new Set(dumps.flatMap((d) => d.sections).map((s) => s.kind))];
}

export function isOrdered({ accept, only }: DumpOrder, resource: DumpedResource): boolean {
  if (accept?.(resource.name) === false) return false;
  return only === undefined || only === 'bootstrap' || only.takes(resource);
}
