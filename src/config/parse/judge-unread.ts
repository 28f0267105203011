// What Istio's rules say of an object of which not all could be read: its owner mends everything in one round. Left out is what
// may only follow from what could not be read.

import type { ConfigObject } from '../model/object.ts';
import { MAX_PROBLEMS } from '../limits.ts';
import { type Path, type Problem, Problems } from '../problem.ts';
import { validateObject } from '../validate/validate-object.ts';
import { ERRORS } from '../errors.ts';
import { isMapping } from './read-by-schema.ts';

/**
 * Complaints that leave open what the fields beside theirs mean: an unknown name (which of them was meant?), a value that is
 * none of its names, what is missing, and what excludes each other.
 */
const AMBIGUOUS: ReadonlySet<string> = new Set([
  'TS-CFG-0101',
  'TS-CFG-0103',
  'TS-CFG-0104',
  'TS-CFG-0108',
  'TS-CFG-0109',
]);

/** Adds to `problems`, which are those of reading `manifest`. `path` is where the spec stands in it. */
export function judgeUnread(object: ConfigObject, manifest: unknown, problems: Problems, path: Path): void {
  const further = new Problems(MAX_PROBLEMS);
  try {
    validateObject(object, further, path);
  } catch (error) {
    // A rule met a hole where something required is missing: what was found until then holds.
    if (!(error instanceof TypeError)) throw error;
  }
  const unread = problems.list.filter(({ code }) => ERRORS[code].severity === 'error');
  for (const problem of further.list)
    if (!problems.full && !unread.some((one) => mayFollow(problem, one, manifest))) problems.list.push(problem);
}

function mayFollow(problem: Problem, unread: Problem, manifest: unknown): boolean {
  const [path, bad] = [problem.path.map(plain), unread.path.map(plain)];
  if (begins(path, bad) || begins(bad, path)) return true;
  // A list that lacks an item may be empty, which says something of the fields beside it.
  const inList = typeof bad.at(-1) === 'number';
  const beside = bad.slice(0, inList ? -2 : -1);
  if (!begins(path, beside)) return false;
  if (inList) return true;
  if (AMBIGUOUS.has(unread.code) && (unread.code !== 'TS-CFG-0101' || unread.nearest !== undefined)) return true;
  return !isWritten(manifest, path);
}

function begins(path: Path, beginning: Path): boolean {
  return beginning.length <= path.length && beginning.every((step, i) => step === path[i]);
}

/** Fields may be written as protobuf spells them. */
function plain(step: string | number): string | number {
  return typeof step === 'number' ? step : step.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function isWritten(value: unknown, path: Path): boolean {
  let at = value;
  for (const step of path) {
    if (Array.isArray(at)) at = at[Number(step)];
    else if (isMapping(at)) at = Object.entries(at).find(([key]) => plain(key) === String(step))?.[1];
    else return false;
  }
  return at !== undefined && at !== null;
}
