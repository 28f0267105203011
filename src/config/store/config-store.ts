// Folds documents into the configuration in force: a bad document is set aside and its last good version stays, one object has one document, everything else goes on (design 7).

import type { Complaint } from '../model/complaint.ts';
import type { ConfigObject } from '../model/object.ts';
import type { ConfigDiff, ConfigSubscriber, ConfigView, StatusInput } from '../model/view.ts';
import type { ParsedDocument } from '../parse/parse-text.ts';
import { toComplaint } from '../problem.ts';
import { EMPTY_VIEW, FrozenView, KindTable } from './frozen-view.ts';
import type { LastGood, LastGoodSink } from './last-good.ts';
import { standInFor } from './stand-in.ts';

/** A document's claim to say what an object is. */
interface Claim {
  readonly file: string;
  readonly key: string;
  /** Smaller is older. */
  readonly order: number;
  /** Undefined when the file became unreadable around it. */
  readonly document: ParsedDocument | undefined;
}

interface Entry {
  claims: Claim[];
  inForce: ConfigObject | undefined;
  complaints: readonly Complaint[];
  status: StatusInput | undefined;
}

export interface StoreOptions {
  readonly lastGood?: Iterable<LastGood>;
  readonly sink?: LastGoodSink;
}

export class ConfigStore {
  readonly #entries = new Map<string, Entry>();
  readonly #claimsOfFile = new Map<string, Map<string, Claim>>();
  readonly #complaintsOfFile = new Map<string, readonly Complaint[]>();
  readonly #lastGood = new Map<string, LastGood>();
  readonly #sink: LastGoodSink | undefined;
  readonly #dirty = new Set<string>();
  readonly #subscribers = new Set<ConfigSubscriber>();
  #complaintsChanged = false;
  #order = 0;
  #view = EMPTY_VIEW;

  constructor(options: StoreOptions = {}) {
    this.#sink = options.sink;
    for (const lastGood of options.lastGood ?? []) this.#lastGood.set(lastGood.key, lastGood);
  }

  get view(): ConfigView {
    return this.#view;
  }

  subscribe(subscriber: ConfigSubscriber): { close(): void } {
    this.#subscribers.add(subscriber);
    return { close: () => void this.#subscribers.delete(subscriber) };
  }

  /** As `subscribe`, with everything that is in force already told first, as added. */
  follow(subscriber: ConfigSubscriber): { close(): void } {
    const added = new Set([...this.#view.all()].map((one) => one.key));
    subscriber(this.#view, { from: 0, to: this.#view.generation, added, changed: new Set(), removed: new Set() });
    return this.subscribe(subscriber);
  }

  /** Replaces everything that `file` said. Takes effect with `commit`. Files of a first load come oldest first. */
  setFile(file: string, documents: readonly ParsedDocument[]): void {
    const former = this.#claimsOfFile.get(file) ?? this.#storedClaims(file);
    const claims = new Map<string, Claim>();
    const complaints: Complaint[] = [];
    for (const document of documents) {
      const { key } = document;
      if (key === undefined || claims.has(key)) complaints.push(...document.complaints);
      if (key === undefined) continue;
      if (claims.has(key)) complaints.push(duplicate(document, file, file, claims.get(key)?.document?.line));
      else claims.set(key, { file, key, order: former.get(key)?.order ?? this.#order++, document });
    }
    const unreadable = documents.some((d) => d.key === undefined && d.complaints.some((c) => c.severity === 'error'));
    for (const [key, claim] of former) {
      if (!claims.has(key) && unreadable) claims.set(key, { ...claim, document: undefined });
    }
    this.#replaceClaims(file, claims);
    this.#setFileComplaints(file, complaints);
  }

  removeFile(file: string): void {
    this.#replaceClaims(file, new Map());
    this.#setFileComplaints(file, []);
  }

  /** Files that currently say something. */
  get files(): IterableIterator<string> {
    return this.#claimsOfFile.keys();
  }

  /** The documents that claim `key`, the one in charge first. */
  documentsOf(key: string): readonly { readonly file: string; readonly document: ParsedDocument | undefined }[] {
    return this.#entries.get(key)?.claims ?? [];
  }

  /** Forgets last good versions that nothing claims any more; call it when the first load is complete. */
  sweep(): void {
    for (const key of this.#lastGood.keys()) if (!this.#entries.has(key)) this.#forget(key);
  }

  /** Folds what changed into a new view and tells the subscribers; undefined when nothing did. */
  commit(): ConfigDiff | undefined {
    if (this.#dirty.size === 0 && !this.#complaintsChanged) return undefined;
    const diff = { added: new Set<string>(), changed: new Set<string>(), removed: new Set<string>() };
    for (const key of this.#dirty) this.#resolve(key, diff);
    const from = this.#view.generation;
    const full: ConfigDiff = Object.freeze({ from, to: from + 1, ...diff });
    this.#view = new FrozenView(from + 1, this.#tables(full), this.#statuses(), this.#complaints());
    this.#dirty.clear();
    this.#complaintsChanged = false;
    for (const subscriber of this.#subscribers) subscriber(this.#view, full);
    return full;
  }

  /** After a restart the stored last good versions say what a file held before. */
  #storedClaims(file: string): Map<string, Claim> {
    const stored = new Map<string, Claim>();
    for (const { key, file: from } of this.#lastGood.values()) {
      // The file that was in charge still is, whatever its time says.
      if (from === file) stored.set(key, { file, key, order: -1, document: undefined });
    }
    return stored;
  }

  #replaceClaims(file: string, claims: ReadonlyMap<string, Claim>): void {
    for (const key of this.#claimsOfFile.get(file)?.keys() ?? []) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) entry.claims = entry.claims.filter((claim) => claim.file !== file);
      this.#dirty.add(key);
    }
    for (const claim of claims.values()) {
      const entry = this.#entries.get(claim.key) ?? {
        claims: [],
        inForce: undefined,
        complaints: [],
        status: undefined,
      };
      entry.claims = [...entry.claims, claim].sort((a, b) => a.order - b.order);
      this.#entries.set(claim.key, entry);
      this.#dirty.add(claim.key);
    }
    if (claims.size === 0) this.#claimsOfFile.delete(file);
    else this.#claimsOfFile.set(file, new Map(claims));
  }

  #setFileComplaints(file: string, complaints: readonly Complaint[]): void {
    if ((this.#complaintsOfFile.get(file)?.length ?? 0) > 0 || complaints.length > 0) this.#complaintsChanged = true;
    if (complaints.length === 0) this.#complaintsOfFile.delete(file);
    else this.#complaintsOfFile.set(file, complaints);
  }

  #resolve(key: string, diff: { added: Set<string>; changed: Set<string>; removed: Set<string> }): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const before = entry.inForce;
    const [winner] = entry.claims;
    if (winner === undefined) {
      this.#entries.delete(key);
      this.#forget(key);
      if (before !== undefined) diff.removed.add(key);
      return;
    }
    this.#decide(entry, winner);
    const after = entry.inForce;
    if (after === before) return;
    if (before === undefined) diff.added.add(key);
    else if (after === undefined) diff.removed.add(key);
    else diff.changed.add(key);
  }

  /** What is in force for a claim: its object, its last good version, a denial, or nothing. */
  #decide(entry: Entry, winner: Claim): void {
    const { document, key } = winner;
    const complaints = [...(document?.complaints ?? []), ...this.#losers(entry, winner)];
    const place = { file: winner.file, line: document?.line ?? 0, column: 1, object: key.replace('/', ' ') };
    let state: StatusInput['state'] = 'accepted';
    if (document?.object !== undefined) {
      entry.inForce = this.#accept(entry, document.object);
    } else {
      const lastGood = this.#lastGood.get(key);
      const stand = lastGood === undefined && document !== undefined ? standInFor(document, winner.file, 0) : undefined;
      entry.inForce = lastGood === undefined ? stand?.object : standing(entry.inForce, lastGood.object);
      state = lastGood === undefined ? 'refused' : 'lastGood';
      if (lastGood !== undefined) complaints.push(toComplaint({ code: 'TS-CFG-0501', path: [], args: {} }, place));
      else if (stand !== undefined)
        complaints.push(toComplaint({ code: 'TS-CFG-0502', path: [], args: { effect: stand.effect } }, place));
    }
    entry.complaints = complaints;
    entry.status = Object.freeze({
      key,
      generation: entry.inForce?.metadata.generation ?? 0,
      state,
      complaints: Object.freeze(complaints),
    });
  }

  /** Keeps age and generation over edits; an edit that changes nothing keeps the object itself. */
  #accept(entry: Entry, object: ConfigObject): ConfigObject {
    const known = this.#lastGood.get(object.key)?.object;
    if (known !== undefined && sameMeaning(known, object)) {
      const kept =
        known.source.file === object.source.file ? known : Object.freeze({ ...known, source: object.source });
      const inForce =
        entry.inForce?.standIn === undefined && entry.inForce !== undefined && sameMeaning(entry.inForce, object)
          ? entry.inForce
          : kept;
      if (kept !== known) this.#remember(kept);
      return inForce;
    }
    const metadata = Object.freeze({
      ...object.metadata,
      creationTimestampMs: known?.metadata.creationTimestampMs ?? object.metadata.creationTimestampMs,
      generation: object.metadata.generation > 0 ? object.metadata.generation : (known?.metadata.generation ?? 0) + 1,
    });
    const accepted = Object.freeze({ ...object, metadata });
    this.#remember(accepted);
    return accepted;
  }

  #remember(object: ConfigObject): void {
    const lastGood = { key: object.key, file: object.source.file, object };
    this.#lastGood.set(object.key, lastGood);
    this.#sink?.save(lastGood);
  }

  #forget(key: string): void {
    if (this.#lastGood.delete(key)) this.#sink?.remove(key);
  }

  #losers(entry: Entry, winner: Claim): Complaint[] {
    return entry.claims
      .filter((claim) => claim !== winner)
      .map((claim) => duplicate(claim.document, claim.file, winner.file, winner.document?.line, claim.key));
  }

  #tables(diff: ConfigDiff): ReadonlyMap<string, KindTable> {
    const tables = new Map(this.#view.tables);
    const kinds = new Set(
      [...diff.added, ...diff.changed, ...diff.removed].map((key) => key.slice(0, key.indexOf('/'))),
    );
    for (const kind of kinds) {
      const objects = new Map(this.#view.tables.get(kind)?.objects);
      for (const set of [diff.added, diff.changed, diff.removed]) {
        for (const key of set) {
          if (!key.startsWith(`${kind}/`)) continue;
          const object = this.#entries.get(key)?.inForce;
          if (object === undefined) objects.delete(key);
          else objects.set(key, object);
        }
      }
      tables.set(kind, new KindTable(objects));
    }
    return tables;
  }

  #statuses(): ReadonlyMap<string, StatusInput> {
    const statuses = new Map<string, StatusInput>();
    for (const [key, { status }] of this.#entries) if (status !== undefined) statuses.set(key, status);
    return statuses;
  }

  #complaints(): readonly Complaint[] {
    const all = [...this.#complaintsOfFile.values()].flat();
    for (const entry of this.#entries.values()) all.push(...entry.complaints);
    return Object.freeze(all);
  }
}

function duplicate(
  document: ParsedDocument | undefined,
  file: string,
  other: string,
  otherLine = 0,
  key = document?.key ?? '',
): Complaint {
  const object = key.replace('/', ' ');
  const place = { file, line: document?.line ?? 0, column: 1, object };
  return toComplaint(
    {
      code: 'TS-CFG-0011',
      path: [],
      args: { other: otherLine === 0 ? other : `${other}:${otherLine}` },
    },
    place,
  );
}

/** The last good version as it stands in for the present text; the same object as long as it does. */
function standing(inForce: ConfigObject | undefined, lastGood: ConfigObject): ConfigObject {
  if (inForce !== undefined && inForce.spec === lastGood.spec && inForce.metadata === lastGood.metadata) return inForce;
  return Object.freeze({ ...lastGood, standIn: 'lastGood' as const });
}

function sameMeaning(a: ConfigObject, b: ConfigObject): boolean {
  if (a.apiVersion !== b.apiVersion || a.metadata.resourceVersion !== b.metadata.resourceVersion) return false;
  const part = (o: ConfigObject): string => JSON.stringify([o.metadata.labels, o.metadata.annotations, o.spec]);
  return part(a) === part(b);
}
