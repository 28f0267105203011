// Writes into each of the mesh's objects what became of it: Accepted, Programmed n/m, what is found of it. Leader only, on change, rate-limited.

import { isDeepStrictEqual } from 'node:util';
import type { Clock, Logger, Random, Timer } from '#base';
import {
  type Complaint,
  type ConfigDiff,
  type ConfigView,
  type KindInfo,
  KINDS,
  type KindName,
  type StatusInput,
  TARGETING_KINDS,
  unboundTargets,
} from '#config';
import { type KubeClient, type KubeObject, RESOURCES, type ResourceType, WorkQueue } from '#kube';
import {
  bySeverity,
  FINDINGS_MAX,
  findingsCondition,
  listed,
  StatusFindings,
  validationMessage,
} from './status-findings.ts';

/** How far an object is with the proxies that it concerns; undefined while no snapshot holds it. */
export interface ProgrammedCount {
  readonly acknowledged: number;
  readonly concerned: number;
  readonly rejected: readonly { readonly proxy: string; readonly reason: string }[];
  readonly lagging: readonly { readonly proxy: string; readonly reason: string }[];
  /** Replicas that have not told of their proxies. */
  readonly silent?: readonly string[];
}

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly view: () => ConfigView;
  /** Objects that only we know, made from others. */
  readonly generated: (key: string) => boolean;
  readonly programmed: (id: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly generation: number;
  }) => Promise<ProgrammedCount | undefined>;
  /** All that is found between objects at this moment. */
  readonly findings: () => readonly Complaint[];
  /** Of what is said of a document, without what concerns nobody at this moment. */
  readonly heeded: (complaints: readonly Complaint[]) => readonly Complaint[];
  /** Virtual addresses that an object's hosts were given. */
  readonly addresses: (key: string) => readonly HostAddress[];
  /** Host -> IPv4 address, as the object's status was last seen to say: others may write there, too. */
  readonly claimed: (key: string) => ReadonlyMap<string, string>;
}

export interface HostAddress {
  readonly host: string;
  readonly value: string;
}

/** What of an object's status is ours and lasts. */
interface Written {
  readonly conditions: readonly Condition[];
  readonly addresses: readonly HostAddress[];
  readonly validationMessages: readonly object[];
}

const OUR_CONDITIONS = ['Accepted', 'Programmed', 'WaypointAccepted', 'PassedAnalysis'] as const;

interface Condition {
  readonly type: (typeof OUR_CONDITIONS)[number];
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

/** Writes a second over all objects; a status is news, not traffic. */
const WRITES_PER_SECOND = 20;
const WRITES_AT_ONCE = 50;
/** A change is counted against the snapshot that holds it: longer than the debounce. */
const SETTLE_MS = 250;
/** Until everybody acknowledged, so often again. */
const PENDING_MS = 1000;
/** Proxies come and go: counts are brought up to date so often. */
const SWEEP_MS = 60_000;
/** Workloads come and go: what is found between objects is looked at so often. */
const LOOK_MS = 5000;
const PROXIES_NAMED = 3;
/** Characters, Kubernetes' own bound. What an object or a proxy says may be as long as they like. */
const MESSAGE_MAX = 32_768;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WorkQueue;
  /** Key -> what is in the API server, as far as we know. */
  readonly #written = new Map<string, Written>();
  #findings = new StatusFindings();
  #leading = false;
  #sweep: Timer | undefined;
  #look: Timer | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { clock, random, log } = options;
    this.#queue = new WorkQueue({
      clock,
      random,
      log: log.scope('status'),
      name: 'status',
      perSecond: WRITES_PER_SECOND,
      burst: WRITES_AT_ONCE,
      parallel: 4,
      work: (key) => this.#ensure(key),
    });
  }

  setLeading(leading: boolean): void {
    this.#leading = leading;
    this.#sweep?.cancel();
    this.#look?.cancel();
    this.#written.clear();
    if (!leading) return;
    this.#findings = new StatusFindings();
    // What the one that wrote before has told is not taken back to be told again.
    this.#lookAgain(true);
    this.#sweepAll();
  }

  configChanged(diff: ConfigDiff): void {
    for (const key of diff.removed) this.#written.delete(key);
    if (!this.#leading) return;
    const { statusInputs } = this.#options.view();
    for (const set of [diff.added, diff.changed, diff.removed])
      for (const key of set)
        if (statusInputs.has(key) && typeOf(key) !== undefined) this.#queue.addAfter(key, SETTLE_MS);
    // A document that is refused changes nothing in force: it shows only here.
    for (const [key, input] of statusInputs)
      if (input.state !== 'accepted' && typeOf(key) !== undefined) this.#queue.addAfter(key, SETTLE_MS);
  }

  stop(): void {
    this.#leading = false;
    this.#sweep?.cancel();
    this.#look?.cancel();
    this.#queue.close();
  }

  #lookAgain(atOnce: boolean): void {
    const { clock, findings } = this.#options;
    for (const key of this.#findings.look(findings(), clock.now(), { atOnce }))
      if (typeOf(key) !== undefined) this.#queue.add(key);
    this.#look = clock.setTimer(LOOK_MS, () => this.#lookAgain(false), { unref: true });
  }

  #sweepAll(): void {
    for (const key of this.#options.view().statusInputs.keys()) if (typeOf(key) !== undefined) this.#queue.add(key);
    this.#sweep = this.#options.clock.setTimer(SWEEP_MS, () => this.#sweepAll(), { unref: true });
  }

  async #ensure(key: string): Promise<void> {
    const { client, clock, view } = this.#options;
    const type = typeOf(key);
    const input = view().statusInputs.get(key);
    if (!this.#leading || type === undefined || input === undefined || this.#options.generated(key)) return;
    const place = placeOf(key);
    const id = { kind: key.slice(0, key.indexOf('/')), ...place };
    const { generation } = input;
    const count = input.state === 'refused' ? undefined : await this.#options.programmed({ ...id, generation });
    const found = [...this.#options.heeded(input.complaints), ...this.#findings.of(key)];
    const told = [
      ...conditionsOf(input, count),
      ...waypointCondition(view(), id, input),
      ...foundCondition(found, input),
    ];
    if (told[1]?.status !== 'True') this.#queue.addAfter(key, PENDING_MS);
    const addresses = input.state === 'refused' ? [] : this.#options.addresses(key);
    const claimed = this.#options.claimed(key);
    // Somebody else wrote there: what we know of it is not so any more.
    if (addresses.some(({ host, value }) => !value.includes(':') && (claimed.get(host) ?? value) !== value))
      this.#written.delete(key);
    const known = this.#written.get(key) ?? (await this.#read(type, place));
    if (known === undefined) return;
    const { conditions: former } = known;
    const wanted = told.map((one) => shortened(held(former, one, count) ?? one));
    const validationMessages = bySeverity(found).slice(0, FINDINGS_MAX).map(validationMessage);
    if (
      same(former, wanted) &&
      sameAddresses(known.addresses, addresses) &&
      isDeepStrictEqual(known.validationMessages, validationMessages)
    )
      return void this.#written.set(key, known);
    const now = new Date(clock.wallTime()).toISOString().replace(/\.\d+Z$/, 'Z');
    const conditions = wanted.map((one): Condition => {
      const before = former.find((other) => other.type === one.type);
      return {
        ...one,
        lastTransitionTime:
          before?.status === one.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now,
      };
    });
    const status = {
      conditions,
      ...(addresses.length > 0 ? { addresses } : {}),
      validationMessages,
      ...(input.generation > 0 ? { observedGeneration: input.generation } : {}),
    };
    const applied = await client.apply(type, { metadata: place, status }, { force: true, subresource: 'status' });
    if (applied.ok) this.#written.set(key, { conditions, addresses, validationMessages });
    else if (applied.error.code !== 'kube_not_found') throw applied.error;
    else return;
    await this.#tell(id, type, conditions, former, applied.ok ? applied.value : undefined);
  }

  /** What another replica, or a former start, wrote; undefined when the object is gone. */
  async #read(
    type: ResourceType,
    place: { readonly namespace: string; readonly name: string },
  ): Promise<Written | undefined> {
    const read = await this.#options.client.get(type, place);
    const status = (read.ok ? (read.value['status'] ?? {}) : {}) as Partial<Written>;
    const { conditions = [], addresses = [], validationMessages = [] } = status;
    if (read.ok) return { conditions, addresses, validationMessages };
    if (read.error.code === 'kube_not_found') return undefined;
    throw read.error;
  }

  /** An event when an object begins to be refused, by us or by a proxy. */
  async #tell(
    id: { readonly kind: string; readonly namespace: string; readonly name: string },
    type: ResourceType,
    now: readonly Condition[],
    before: readonly Condition[],
    object: KubeObject | undefined,
  ): Promise<void> {
    const bad = now.find((one) => one.reason === 'Invalid' || one.reason === 'Rejected');
    if (
      bad === undefined ||
      object === undefined ||
      before.some((one) => one.type === bad.type && one.reason === bad.reason)
    )
      return;
    const { client, clock, log } = this.#options;
    const time = new Date(clock.wallTime()).toISOString().replace(/\.\d+Z$/, 'Z');
    const involved = {
      apiVersion: `${type.group}/${type.version}`,
      kind: type.kind,
      namespace: id.namespace,
      name: id.name,
      uid: object.metadata.uid,
    };
    const made = await client.create(RESOURCES.events, {
      metadata: { name: '', generateName: `${id.name}.`, namespace: id.namespace } as never,
      involvedObject: involved,
      type: 'Warning',
      reason: bad.reason,
      message: bad.message.slice(0, 1000),
      source: { component: 'topsail' },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
    if (!made.ok) log.debug('an event was not written', { reason: made.error.message });
  }
}

function conditionsOf(input: StatusInput, count: ProgrammedCount | undefined): readonly Condition[] {
  const errors = listed(
    input.complaints.filter((one) => one.severity === 'error'),
    (one) => `${one.path === '' ? '' : `${one.path}: `}${one.message} ${one.remedy}`.trim(),
  );
  const generation = input.generation > 0 ? { observedGeneration: input.generation } : {};
  const accepted: Condition =
    input.state === 'accepted'
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', ...generation }
      : {
          type: 'Accepted',
          status: 'False',
          reason: 'Invalid',
          message: `${errors}${input.state === 'lastGood' ? ' (the last good version is in force)' : ''}`,
          ...generation,
        };
  return [accepted, { ...programmedCondition(count, input), ...generation }];
}

/** Istio's own condition, where a target needs a waypoint: absent where none is named. */
function waypointCondition(
  view: ConfigView,
  { kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string },
  input: StatusInput,
): readonly Condition[] {
  const targeting = TARGETING_KINDS.find((one) => one === kind);
  const object =
    targeting && view.list(targeting, namespace).find((one) => one.metadata.name === name && input.state !== 'refused');
  const unbound = object === undefined ? [] : unboundTargets(view, object);
  const [first] = unbound;
  if (first === undefined) return [];
  const message = unbound.map((one) => one.message).join('; ');
  const generation = input.generation > 0 ? { observedGeneration: input.generation } : {};
  return [{ type: 'WaypointAccepted', status: 'False', reason: first.reason, message, ...generation }];
}

function programmedCondition(count: ProgrammedCount | undefined, input: StatusInput): Condition {
  if (input.state === 'refused')
    return { type: 'Programmed', status: 'False', reason: 'Invalid', message: 'nothing of it is in force' };
  if (count === undefined) return { type: 'Programmed', status: 'Unknown', reason: 'Pending', message: 'not sent yet' };
  const ratio = `${count.acknowledged}/${count.concerned} proxies`;
  const named = (list: ProgrammedCount['rejected']): string =>
    list
      .slice(0, PROXIES_NAMED)
      .map(({ proxy, reason }) => `${proxy}: ${reason}`)
      .join('; ');
  if (count.rejected.length > 0)
    return {
      type: 'Programmed',
      status: 'False',
      reason: 'Rejected',
      message: `${ratio}; rejected by ${named(count.rejected)}`,
    };
  if ((count.silent ?? []).length > 0)
    return {
      type: 'Programmed',
      status: 'Unknown',
      reason: 'Pending',
      message: `${ratio}; not told yet by ${(count.silent ?? []).join(', ')}`,
    };
  if (count.acknowledged < count.concerned)
    return { type: 'Programmed', status: 'False', reason: 'Pending', message: ratio };
  return { type: 'Programmed', status: 'True', reason: 'Programmed', message: ratio };
}

/** What keeps an object out of force is said by Accepted. */
function foundCondition(found: readonly Complaint[], input: StatusInput): readonly Condition[] {
  const refusals = new Set(input.complaints.filter(({ severity }) => severity === 'error'));
  const condition = findingsCondition(found.filter((one) => !refusals.has(one)));
  const generation = input.generation > 0 ? { observedGeneration: input.generation } : {};
  return condition === undefined ? [] : [{ ...condition, ...generation }];
}

function shortened(condition: Condition): Condition {
  const { message } = condition;
  return message.length <= MESSAGE_MAX ? condition : { ...condition, message: `${message.slice(0, MESSAGE_MAX - 1)}…` };
}

/** A replica that is silent for a moment takes nothing back: what was said of this form of the object stands. */
function held(
  former: readonly Condition[],
  wanted: Condition,
  count: ProgrammedCount | undefined,
): Condition | undefined {
  if (wanted.type !== 'Programmed' || wanted.status !== 'Unknown' || (count?.silent ?? []).length === 0)
    return undefined;
  const before = former.find(({ type }) => type === 'Programmed');
  return before?.status === 'True' && before.observedGeneration === wanted.observedGeneration ? before : undefined;
}

function sameAddresses(a: readonly HostAddress[], b: readonly HostAddress[]): boolean {
  return a.length === b.length && a.every(({ host, value }, i) => host === b[i]?.host && value === b[i]?.value);
}

/** Only our own condition types count, and not when they changed. */
function same(former: readonly Condition[], wanted: readonly Condition[]): boolean {
  const ours = former.filter(({ type }) => OUR_CONDITIONS.includes(type));
  return (
    ours.length === wanted.length &&
    wanted.every((one) =>
      ours.some(
        (other) =>
          other.type === one.type &&
          other.status === one.status &&
          other.reason === one.reason &&
          other.message === one.message &&
          other.observedGeneration === one.observedGeneration,
      ),
    )
  );
}

function typeOf(key: string): ResourceType | undefined {
  const info: KindInfo | undefined = KINDS[key.slice(0, key.indexOf('/')) as KindName];
  if (info?.origin !== 'crd') return undefined;
  return {
    group: info.group,
    version: info.versions[0] as string,
    plural: info.plural,
    kind: info.manifest,
    namespaced: info.namespaced,
  };
}

function placeOf(key: string): { readonly namespace: string; readonly name: string } {
  const [, namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}
