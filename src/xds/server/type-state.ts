// One type on one stream: what is subscribed, what the client holds to our knowledge, what waits for its answer.
import type { ObjectRef, XdsResource } from '#base';
import { XDS_LIMITS } from '../limits.ts';
import { type Held, HeldResources } from './held-resources.ts';
import { NO_RESOURCES, type Resources } from './resource-difference.ts';
import { NOTHING, type Subscription, wants } from './subscription.ts';

export interface Outstanding {
  readonly nonce: string;
  readonly snapshot: number;
  readonly resources: readonly XdsResource[];
}

export interface RejectedResource {
  readonly version: string;
  readonly origins: readonly ObjectRef[];
  readonly detail: string;
}

export type Answer = 'stale' | 'acked' | { readonly rejected: readonly XdsResource[]; readonly snapshot: number };

export class TypeState {
  readonly typeUrl: string;
  subscription: Subscription = NOTHING;
  /** Responses sent and not answered, oldest first. */
  readonly outstanding: Outstanding[] = [];
  readonly rejected = new Map<string, RejectedResource>();
  /** Names waiting until the stream can take more. */
  readonly owed = new Set<string>();
  versionSent = '';
  versionAcked = '';
  lastNonce = '';
  error = '';
  errorAtMs = 0;
  sentCount = 0;
  readonly held = new HeldResources();
  #inSyncWith: Resources | undefined;

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  get canSend(): boolean {
    return this.outstanding.length < XDS_LIMITS.outstandingMax;
  }

  setHeld(name: string, held: Held): void {
    if (this.held.get(name) === held) return;
    this.held.set(name, held);
    this.#inSyncWith = undefined;
  }

  forget(name: string): void {
    if (!this.held.has(name)) return;
    this.held.delete(name);
    this.rejected.delete(name);
    this.#inSyncWith = undefined;
  }

  /** Resources that the client wants and does not hold in this version. */
  changed(all: Resources = NO_RESOURCES): XdsResource[] {
    if (this.#inSyncWith === all) return [];
    const changed = this.held.changed(all);
    return this.subscription.wildcard
      ? changed
      : changed.filter((resource) => this.subscription.names.has(resource.name));
  }

  /** Names that the client holds and that are no more. */
  gone(all: Resources = NO_RESOURCES): string[] {
    return this.#inSyncWith === all ? [] : this.held.gone(all);
  }

  /** What has to be sent and removed among these names, when `current` is how they are now. */
  differences(
    names: ReadonlySet<string>,
    current: ReadonlyMap<string, XdsResource>,
  ): { readonly list: XdsResource[]; readonly removed: string[] } {
    const list: XdsResource[] = [];
    const removed: string[] = [];
    for (const name of names) {
      const resource = current.get(name);
      if (resource !== undefined && this.held.get(name)?.version !== resource.version) list.push(resource);
      else if (resource === undefined && this.held.has(name)) removed.push(name);
    }
    return { list, removed };
  }

  /** Everything that is wanted; with `keepGone`, also what the client holds and is no more. */
  fullState(all: Resources, keepGone: boolean): XdsResource[] {
    const list: XdsResource[] = [];
    if (this.subscription.wildcard) list.push(...all.values());
    else for (const name of this.subscription.names) if (all.has(name)) list.push(all.get(name) as XdsResource);
    if (keepGone)
      for (const [name, held] of this.held) if (!all.has(name) && 'bytes' in held && this.wants(name)) list.push(held);
    return list;
  }

  /** Notes that the client has all of `all` that it wants; shares the map where it holds all of it. */
  settled(all: Resources = NO_RESOURCES): void {
    if (this.#inSyncWith === all) return;
    if (this.changed(all).length > 0 || this.gone(all).length > 0) return;
    if (all.size > 0 && this.held.size === all.size) this.held.adopt(all);
    this.#inSyncWith = all;
  }

  subscribe(next: Subscription, all: Resources = NO_RESOURCES): void {
    if (next === this.subscription) return;
    this.#inSyncWith = undefined;
    if (next.names === this.subscription.names || next.names.size === 0) {
      this.subscription = next;
      return;
    }
    this.subscription = { ...next, names: sharedNames(next.names, all) };
  }

  /** `all`: what the stream is at; a client that gets all of it at once shares the set with others. */
  sent(entry: Outstanding, version: string, all: Resources): void {
    this.outstanding.push(entry);
    this.versionSent = version;
    this.lastNonce = entry.nonce;
    this.sentCount++;
    if (
      this.held.size === 0 &&
      entry.resources.length === all.size &&
      entry.resources.every((one) => all.get(one.name) === one)
    ) {
      this.held.adopt(all);
      this.#inSyncWith = undefined;
    } else for (const resource of entry.resources) this.setHeld(resource.name, resource);
  }

  /** An answer to one response also settles those sent before it. */
  answer(nonce: string, detail: string | undefined, nowMs: number): Answer {
    const at = this.outstanding.findIndex((o) => o.nonce === nonce);
    if (at < 0) return 'stale';
    const answered = this.outstanding.splice(0, at + 1);
    const last = answered.at(-1) as Outstanding;
    const earlier = detail === undefined ? answered : answered.slice(0, -1);
    for (const entry of earlier) for (const resource of entry.resources) this.#accepted(resource);
    if (detail === undefined) {
      this.versionAcked = String(last.snapshot);
      this.error = this.rejected.size === 0 ? '' : this.error;
      return 'acked';
    }
    const text = detail.slice(0, XDS_LIMITS.detailMax);
    const named = last.resources.filter((r) => mentions(text, r.name));
    const culprits = named.length > 0 ? named : last.resources;
    for (const resource of last.resources) {
      if (culprits.includes(resource))
        this.rejected.set(resource.name, { version: resource.version, origins: resource.origins, detail: text });
    }
    this.error = text;
    this.errorAtMs = nowMs;
    return { rejected: culprits, snapshot: last.snapshot };
  }

  #accepted(resource: XdsResource): void {
    this.rejected.delete(resource.name);
  }

  wants(name: string): boolean {
    return wants(this.subscription, name);
  }
}

/** By the set of resources: the names of all of it. */
const namesOf = new WeakMap<Resources, ReadonlySet<string>>();

/** Thousands of streams name the same: they share one set where a client names all that there is, else at least the control plane's own strings. */
function sharedNames(names: ReadonlySet<string>, all: Resources): ReadonlySet<string> {
  const last = lastShared.get(names);
  if (last?.all === all) return last.shared;
  const shared = makeShared(names, all);
  lastShared.set(names, { all, shared });
  return shared;
}

const lastShared = new WeakMap<
  ReadonlySet<string>,
  { readonly all: Resources; readonly shared: ReadonlySet<string> }
>();

function makeShared(names: ReadonlySet<string>, all: Resources): ReadonlySet<string> {
  if (names.size === all.size && isEvery(names, all)) {
    const known = namesOf.get(all);
    if (known !== undefined) return known;
  }
  const own = new Set<string>();
  for (const name of names) own.add(all.get(name)?.name ?? name);
  if (own.size === all.size && isEvery(own, all)) namesOf.set(all, own);
  return own;
}

function isEvery(names: ReadonlySet<string>, all: Resources): boolean {
  for (const name of names) if (!all.has(name)) return false;
  return true;
}

/** Whether the text holds the name as a whole: 'outbound|80||a' is not in 'outbound|80||a.default'. */
function mentions(text: string, name: string): boolean {
  if (name === '') return false;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text.slice(at + name.length, at + name.length + 2);
    if (!/[\w|.-]/.test(before) && !/^([\w|-]|\.\w)/.test(after)) return true;
  }
  return false;
}
