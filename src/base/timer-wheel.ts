// Deadlines for many things at once: arming and cancelling cost a few list links, one Clock timer turns the wheels.
//
// Two wheels: 10 ms slots for what is due within seconds, 1 s slots for the rest; an entry of the
// coarse wheel moves to the fine one when its slot comes up, so that long deadlines are exact too.

import type { Clock, Timer } from './clock.ts';
import { atOnce, type Part, partsOf } from './in-parts.ts';

const FINE_MS = 10;
const COARSE_MS = 1000;
/** Power of two. */
const SLOTS = 512;
/** Due later than this goes to the coarse wheel; below FINE_MS * SLOTS. */
const FINE_RANGE_MS = 4000;
/** What one client began at one time is due at one time: so many of them fire in one turn. */
const FIRED_AT_ONCE = 16;

/** One deadline; made once by its owner and armed any number of times. */
export class Deadline<T = unknown> {
  next: Deadline | undefined = undefined;
  previous: Deadline | undefined = undefined;
  head: SlotList | undefined = undefined;
  dueMs = 0;
  /** A method's type, so that deadlines of any owner can stand in one list. */
  readonly fire: { of(owner: T): void }['of'];
  readonly owner: T;

  /** `owner`: what `fire` is given; whoever makes one for every request has no closure to pay for. */
  constructor(fire: (owner: T) => void, owner?: T) {
    this.fire = fire;
    this.owner = owner as T;
  }

  get armed(): boolean {
    return this.head !== undefined;
  }
}

class SlotList {
  first: Deadline | undefined = undefined;
  readonly wheel: { count: number };

  constructor(wheel: { count: number }) {
    this.wheel = wheel;
  }
}

class Wheel {
  count = 0;
  readonly slots: SlotList[] = [];
  readonly slotMs: number;
  /** Number of the last slot that was visited, counted from time 0. */
  visited = 0;

  constructor(slotMs: number) {
    this.slotMs = slotMs;
    for (let i = 0; i < SLOTS; i++) this.slots.push(new SlotList(this));
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #later: (part: Part) => void;
  readonly #fine = new Wheel(FINE_MS);
  readonly #coarse = new Wheel(COARSE_MS);
  #timer: Timer | undefined = undefined;
  #timerMs = 0;

  /** `later`: takes what is due beyond what one turn fires. */
  constructor(clock: Clock, later: (part: Part) => void = atOnce) {
    this.#clock = clock;
    this.#later = later;
    const now = clock.now();
    this.#fine.visited = Math.floor(now / FINE_MS);
    this.#coarse.visited = Math.floor(now / COARSE_MS);
  }

  get size(): number {
    return this.#fine.count + this.#coarse.count;
  }

  /** Arms, or arms anew. `nowMs` is the caller's reading of the clock: most callers have one at hand. */
  arm(deadline: Deadline, delayMs: number, nowMs: number): void {
    const dueMs = nowMs + delayMs;
    if (deadline.head !== undefined && dueMs >= deadline.dueMs) {
      // Later than before: it moves when its slot comes up, so that something touched all the time costs nothing.
      deadline.dueMs = dueMs;
      return;
    }
    this.cancel(deadline);
    deadline.dueMs = dueMs;
    this.#insert(deadline, delayMs);
    this.#keepTurning(nowMs);
  }

  cancel(deadline: Deadline): void {
    const head = deadline.head;
    if (head === undefined) return;
    if (deadline.previous === undefined) head.first = deadline.next;
    else deadline.previous.next = deadline.next;
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous;
    deadline.next = undefined;
    deadline.previous = undefined;
    deadline.head = undefined;
    head.wheel.count--;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #insert(deadline: Deadline, delayMs: number): void {
    const wheel = delayMs > FINE_RANGE_MS ? this.#coarse : this.#fine;
    // Fine: rounded up, never early. Coarse: the second in which it is due, to be moved to the fine wheel then.
    const exact = deadline.dueMs / wheel.slotMs;
    const number = Math.max(wheel === this.#fine ? Math.ceil(exact) : Math.floor(exact), wheel.visited + 1);
    const list = wheel.slots[number & (SLOTS - 1)] as SlotList;
    const first = list.first;
    deadline.next = first;
    deadline.previous = undefined;
    deadline.head = list;
    if (first !== undefined) first.previous = deadline;
    list.first = deadline;
    wheel.count++;
  }

  #keepTurning(nowMs: number): void {
    const wanted = this.#fine.count > 0 ? FINE_MS : COARSE_MS;
    if (this.#timer === undefined || wanted < this.#timerMs) this.#startTimer(wanted, nowMs);
  }

  #startTimer(ms: number, nowMs: number): void {
    this.#timer?.cancel();
    if (this.#fine.count + this.#coarse.count <= 1) {
      // Idle until now: nothing lies in the slots that were not visited meanwhile, except what was just put in.
      this.#fine.visited = Math.max(this.#fine.visited, Math.floor(nowMs / FINE_MS) - 1);
      this.#coarse.visited = Math.max(this.#coarse.visited, Math.floor(nowMs / COARSE_MS) - 1);
    }
    this.#timerMs = ms;
    // Aligned: a coarse slot must be visited as its second begins.
    this.#timer = this.#clock.setTimer(ms - (nowMs % ms), this.#tick, { unref: true });
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    this.#turn(this.#coarse, now);
    this.#turn(this.#fine, now);
    if (this.#timer !== undefined || this.size === 0) return;
    this.#startTimer(this.#fine.count > 0 ? FINE_MS : COARSE_MS, now);
  };

  #turn(wheel: Wheel, now: number): void {
    const last = Math.floor(now / wheel.slotMs);
    let number = wheel.visited + 1;
    // A long stop (suspended machine): every slot once is enough.
    if (last - number >= SLOTS) number = last - SLOTS + 1;
    for (; number <= last; number++) {
      wheel.visited = number;
      this.#visit(wheel, number, now);
    }
  }

  #visit(wheel: Wheel, number: number, now: number): void {
    const list = wheel.slots[number & (SLOTS - 1)] as SlotList;
    const due: Deadline[] = [];
    for (let one = list.first, next = one?.next; one !== undefined; one = next, next = one?.next) {
      if (one.dueMs <= now) due.push(one);
      else this.#move(one, now);
    }
    const some = partsOf(due, FIRED_AT_ONCE, (one) => this.#fire(one, list, now));
    if (!some()) return;
    this.#later(() => {
      const more = some();
      if (this.size > 0) this.#keepTurning(this.#clock.now());
      return more;
    });
  }

  #fire(one: Deadline, list: SlotList, now: number): void {
    // An earlier one may have cancelled or re-armed it.
    if (one.head !== list) return;
    if (one.dueMs > now) return this.#move(one, now);
    this.cancel(one);
    one.fire(one.owner);
  }

  #move(one: Deadline, now: number): void {
    this.cancel(one);
    this.#insert(one, one.dueMs - now);
  }
}
