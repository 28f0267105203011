// What a client asks for, folded from its requests: pure values, rules of the xDS protocol
// ("How the client specifies what resources to return").
import { TYPE_URL } from '#base';

export interface Subscription {
  readonly wildcard: boolean;
  /** The wildcard came from a first request without names; naming something ends it (state of the world only). */
  readonly legacy: boolean;
  readonly names: ReadonlySet<string>;
}

export interface SubscriptionChange {
  readonly next: Subscription;
  /** Names that must be answered now, also when they were subscribed to before (delta). */
  readonly asked: readonly string[];
  readonly dropped: readonly string[];
  readonly wildcardBegan: boolean;
}

/** Types whose empty first request asks for nothing: they are always named. */
const NAMED_TYPES = new Set<string>([TYPE_URL.endpoint, TYPE_URL.route, TYPE_URL.secret, TYPE_URL.extensionConfig]);

/** Types whose state-of-the-world responses always hold everything: what is absent is gone. */
export function isFullStateType(typeUrl: string): boolean {
  return typeUrl === TYPE_URL.cluster || typeUrl === TYPE_URL.listener;
}

export const NOTHING: Subscription = { wildcard: false, legacy: false, names: new Set() };

/** A state-of-the-world request names everything that is wanted from now on. */
export function foldSotw(
  typeUrl: string,
  before: Subscription | undefined,
  names: readonly string[],
): SubscriptionChange {
  const legacyBefore = before === undefined || before.legacy;
  if (names.length === 0 && legacyBefore && !NAMED_TYPES.has(typeUrl)) {
    return {
      next: { wildcard: true, legacy: true, names: new Set() },
      asked: [],
      dropped: [],
      wildcardBegan: before === undefined,
    };
  }
  const wanted = new Set(names);
  const wildcard = wanted.delete('*');
  const known = before ?? NOTHING;
  const asked = [...wanted].filter((name) => !known.names.has(name));
  const dropped = [...known.names].filter((name) => !wanted.has(name));
  const same = asked.length === 0 && dropped.length === 0;
  return {
    next: { wildcard, legacy: false, names: same ? known.names : wanted },
    asked,
    dropped,
    wildcardBegan: wildcard && !known.wildcard,
  };
}

/** A delta request adds and takes away. */
export function foldDelta(
  typeUrl: string,
  before: Subscription | undefined,
  subscribe: readonly string[],
  unsubscribe: readonly string[],
): SubscriptionChange {
  if (before === undefined && subscribe.length === 0 && !NAMED_TYPES.has(typeUrl)) {
    return { next: { wildcard: true, legacy: true, names: new Set() }, asked: [], dropped: [], wildcardBegan: true };
  }
  const known = before ?? NOTHING;
  if (subscribe.length === 0 && unsubscribe.length === 0)
    return { next: known, asked: [], dropped: [], wildcardBegan: false };
  if (known.names.size === 0 && unsubscribe.length === 0) {
    const names = setOf(subscribe);
    if (!names.has('*')) return { next: { ...known, names }, asked: subscribe, dropped: [], wildcardBegan: false };
  }
  const names = new Set(known.names);
  let wildcard = known.wildcard;
  let legacy = known.legacy;
  const asked: string[] = [];
  for (const name of subscribe) {
    if (name === '*') wildcard = true;
    else {
      names.add(name);
      asked.push(name);
    }
  }
  const dropped: string[] = [];
  for (const name of unsubscribe) {
    if (name === '*') {
      wildcard = false;
      legacy = false;
    } else if (names.delete(name)) dropped.push(name);
  }
  return {
    next: { wildcard, legacy: legacy && wildcard, names },
    asked,
    dropped,
    wildcardBegan: wildcard && !known.wildcard,
  };
}

/** Lists that many clients send alike are one array (RepeatedNames): they get one set, too. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(list: readonly string[]): ReadonlySet<string> {
  let set = sets.get(list);
  if (set === undefined) sets.set(list, (set = new Set(list)));
  return set;
}

export function wants(subscription: Subscription, name: string): boolean {
  return subscription.wildcard || subscription.names.has(name);
}
