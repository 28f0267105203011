// What is found of an object when it is seen together with others, as its status tells it: once it has lasted for a moment,
// since what is applied together is read one by one, and workloads come after their policies.

import type { Complaint, Severity } from '#config';

/** Told when it was found for so long. */
const LASTING_MS = 4000;
/** In one status. */
export const FINDINGS_MAX = 10;

interface Kept {
  readonly sinceMs: number;
  readonly complaint: Complaint;
}

export class StatusFindings {
  /** Object key -> code and path -> what was found at the latest look. */
  #found = new Map<string, Map<string, Kept>>();
  #told = new Map<string, readonly Complaint[]>();

  of(key: string): readonly Complaint[] {
    return this.#told.get(key) ?? [];
  }

  /** `found` is all that is found at this moment. Keys of the objects of which something else is told than before. */
  look(found: Iterable<Complaint>, nowMs: number, { atOnce = false } = {}): ReadonlySet<string> {
    const next = new Map<string, Map<string, Kept>>();
    for (const complaint of found) {
      const key = complaint.object.replace(' ', '/');
      const ofObject = next.get(key) ?? new Map<string, Kept>();
      next.set(key, ofObject);
      let name = `${complaint.code} ${complaint.path}`;
      while (ofObject.has(name)) name += ' again';
      const before = this.#found.get(key)?.get(name);
      ofObject.set(name, { sinceMs: before?.sinceMs ?? nowMs, complaint });
    }
    this.#found = next;
    const told = new Map<string, readonly Complaint[]>();
    for (const [key, ofObject] of next) {
      const lasting = [...ofObject.values()].filter(({ sinceMs }) => atOnce || nowMs - sinceMs >= LASTING_MS);
      if (lasting.length > 0)
        told.set(
          key,
          lasting.map(({ complaint }) => complaint),
        );
    }
    const former = this.#told;
    this.#told = told;
    const keys = new Set([...former.keys(), ...told.keys()]);
    return new Set([...keys].filter((key) => textOf(former.get(key)) !== textOf(told.get(key))));
  }
}

/** Of what does not keep the object from being in force; undefined where there is nothing to say. */
export function findingsCondition(
  complaints: readonly Complaint[],
):
  | { readonly type: 'PassedAnalysis'; readonly status: 'False'; readonly reason: string; readonly message: string }
  | undefined {
  const sorted = bySeverity(complaints);
  const [worst] = sorted;
  if (worst === undefined) return undefined;
  return {
    type: 'PassedAnalysis',
    status: 'False',
    reason: REASONS[worst.severity],
    message: listed(sorted, sentence),
  };
}

/** As many as go into one status. */
export function listed<T>(all: readonly T[], words: (one: T) => string): string {
  const more = all.length > FINDINGS_MAX ? [`and ${all.length - FINDINGS_MAX} more`] : [];
  return [...all.slice(0, FINDINGS_MAX).map(words), ...more].join('; ');
}

/** Istio's AnalysisMessageBase; its schema has no place for words, which the conditions have. */
export function validationMessage({ code, severity, page }: Complaint): object {
  return { type: { code }, level: severity.toUpperCase(), documentationUrl: `docs/${page}` };
}

export function bySeverity(complaints: readonly Complaint[]): readonly Complaint[] {
  return [...complaints].sort((a, b) => RANKS[a.severity] - RANKS[b.severity]);
}

const RANKS: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };
const REASONS: Readonly<Record<Severity, string>> = {
  error: 'ErrorsFound',
  warning: 'WarningsFound',
  info: 'InfosFound',
};

function sentence({ code, path, message }: Complaint): string {
  return `${code}${path === '' ? '' : ` ${path}`}: ${message}`;
}

function textOf(complaints: readonly Complaint[] | undefined): string {
  return bySeverity(complaints ?? [])
    .map((one) => `${one.severity} ${sentence(one)}`)
    .join('\n');
}
