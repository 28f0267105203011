// Remembers the last forms of every configuration object since the control plane started, so that a change can be
// seen as a diff and taken back. Bounded: forms per object, and characters in all, the oldest go first.
import type { Clock } from '#base';
import type { ConfigDiff, ConfigSubscriber } from '#config';
import type { ChangeJson, HistoryJson, RevisionJson } from './dashboard-json.ts';

const REVISIONS_PER_OBJECT = 30;
/** 16 bits each at worst: 32 MB. */
const CHARACTERS_MAX = 16_000_000;
const CHANGES_SHOWN = 200;
/** What a Secret held must not live longer than its file. */
const NOT_KEPT = 'Secret/';

export interface ConfigHistoryOptions {
  readonly clock: Clock;
  /** The object's document as its owner wrote it. */
  readonly textOf: (key: string) => string | undefined;
}

interface Kept extends RevisionJson {
  readonly key: string;
}

export class ConfigHistory {
  readonly #options: ConfigHistoryOptions;
  readonly #byKey = new Map<string, Kept[]>();
  readonly #order: Kept[] = [];
  #revision = 0;
  #characters = 0;

  constructor(options: ConfigHistoryOptions) {
    this.#options = options;
  }

  readonly changed: ConfigSubscriber = (_view, diff: ConfigDiff) => {
    const initial = diff.from === 0;
    for (const key of diff.added) this.#keep(key, initial ? 'first seen' : 'added');
    for (const key of diff.changed) this.#keep(key, 'changed');
    for (const key of diff.removed) this.#keep(key, 'removed');
  };

  of(kind: string, namespace: string, name: string): HistoryJson {
    const revisions = this.#byKey.get(`${kind}/${namespace}/${name}`) ?? [];
    return {
      kind,
      namespace,
      name,
      revisions: revisions.map(({ revision, atMs, change, text }) => ({ revision, atMs, change, text })).reverse(),
    };
  }

  /** The newest changes of all objects, newest first; what was there at the start is none. */
  recent(): readonly ChangeJson[] {
    const changes = this.#order
      .filter((one) => one.change !== 'first seen')
      .slice(-CHANGES_SHOWN)
      .reverse();
    return changes.map(({ key, revision, atMs, change }) => {
      const [kind = '', namespace = '', name = ''] = key.split('/');
      return { kind, namespace, name, revision, atMs, change };
    });
  }

  #keep(key: string, change: RevisionJson['change']): void {
    if (key.startsWith(NOT_KEPT)) return;
    const text = change === 'removed' ? '' : (this.#options.textOf(key) ?? '');
    const kept = { key, revision: ++this.#revision, atMs: this.#options.clock.wallTime(), change, text };
    const all = this.#byKey.get(key);
    if (all === undefined) this.#byKey.set(key, [kept]);
    else all.push(kept);
    this.#order.push(kept);
    this.#characters += text.length;
    if ((all?.length ?? 0) > REVISIONS_PER_OBJECT) this.#forget(all?.[0] as Kept);
    while (this.#characters > CHARACTERS_MAX && this.#order.length > 1) this.#forget(this.#order[0] as Kept);
  }

  #forget(kept: Kept): void {
    this.#order.splice(this.#order.indexOf(kept), 1);
    const all = this.#byKey.get(kept.key) ?? [];
    all.splice(all.indexOf(kept), 1);
    if (all.length === 0) this.#byKey.delete(kept.key);
    this.#characters -= kept.text.length;
  }
}
