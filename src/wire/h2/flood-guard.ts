// A connection's budgets against floods: what costs us work and moves no request is counted, and over its budget the peer is cut.
import { ConnectionError, H2_ERROR } from './errors.ts';
import type { H2Limits } from './limits.ts';

/** A budget that was used up longer ago than this is whole again: keep-alive PINGs of a quiet day are no flood. */
const REFILL_MS = 30_000;
/** A window that grows by less than this while body waits for it is drawn through a straw (CVE-2019-9511). */
const STRAW_BYTES = 32;
/** Body that makes up for one control frame: a single byte before each PING would be no traffic. */
const BYTES_PER_CONTROL_FRAME = 32;
/** What a peer may answer to one DATA frame, on the stream and on the connection, now or when it comes to it (Envoy's figure). */
const UPDATES_PER_DATA_FRAME = 20;

export class FloodGuard {
  readonly #limits: H2Limits;
  readonly #now: (() => number) | undefined;
  #idleControl = 0;
  #emptyData = 0;
  #resetCredit: number;
  #straws = 0;
  #updatesDue = 0;
  #answersUnread = 0;
  #refusedUnread = 0;
  #controlFullMs: number;
  #resetFullMs: number;

  /** `now`: the clock that refills budgets; without one they are for the connection's whole life. */
  constructor(limits: H2Limits, now: (() => number) | undefined) {
    this.#limits = limits;
    this.#now = now;
    this.#resetCredit = limits.resetCreditMax;
    this.#controlFullMs = this.#resetFullMs = now?.() ?? 0;
  }

  /** A request began. */
  progress(): void {
    this.#idleControl = 0;
  }

  /** Body went out, in so many frames. */
  dataSent(frames: number): void {
    this.#idleControl = 0;
    this.#updatesDue += frames * UPDATES_PER_DATA_FRAME;
  }

  /** A fast reader of many small messages may acknowledge each, long after the last one left. */
  windowUpdate(): void {
    if (this.#updatesDue > 0) this.#updatesDue -= 1;
    else this.controlFrame();
  }

  /** PING, SETTINGS, PRIORITY, WINDOW_UPDATE that no body earned, their acknowledgements, unknown frames and those for closed streams. */
  controlFrame(): void {
    this.#idleControl += 1;
    if (this.#idleControl <= this.#limits.idleControlFramesMax) return;
    const now = this.#now?.() ?? 0;
    if (now - this.#controlFullMs < REFILL_MS)
      throw calm('inbound_control_frames_flood', 'too many control frames without a request');
    this.#controlFullMs = now;
    this.#idleControl = 0;
  }

  dataFrame(bytes: number, end: boolean): void {
    if (end || bytes >= this.#idleControl * BYTES_PER_CONTROL_FRAME) this.#idleControl = 0;
    else this.#idleControl -= Math.floor(bytes / BYTES_PER_CONTROL_FRAME);
    this.#emptyData = bytes === 0 && !end ? this.#emptyData + 1 : 0;
    if (this.#emptyData > this.#limits.emptyDataFramesMax)
      throw calm('inbound_empty_frames_flood', 'too many empty DATA frames');
  }

  /**
   * A stream came to nothing before its response began, by a reset of either side (CVE-2023-44487, CVE-2025-8671).
   * Each finished stream earns one.
   */
  wasted(credits = 1): void {
    this.#resetCredit -= credits;
    if (this.#resetCredit >= 0) return;
    const now = this.#now?.() ?? 0;
    if (now - this.#resetFullMs < REFILL_MS) throw calm('inbound_reset_flood', 'too many resets');
    this.#resetFullMs = now;
    this.#resetCredit = this.#limits.resetCreditMax;
  }

  streamFinished(): void {
    if (this.#resetCredit < this.#limits.resetCreditMax) this.#resetCredit += 1;
  }

  /** A stream's window grew by `increment` while `queued` bytes waited for it. */
  windowGrew(increment: number, queued: number): void {
    if (increment >= STRAW_BYTES) this.#straws = 0;
    else if (queued > increment) this.#straws += 1;
    if (this.#straws > this.#limits.strawUpdatesMax)
      throw calm('inbound_window_update_frames_flood', 'windows grow by a few bytes at a time');
  }

  /** We answered a PING or SETTINGS; `queued` bytes of output are unread. */
  answered(queued: number): void {
    if (queued < this.#limits.unreadBytes) this.#answersUnread = 0;
    else if (++this.#answersUnread > this.#limits.unreadAnswersMax)
      throw calm('outbound_control_flood', 'answers to control frames are not read');
  }

  /** A stream was opened; `queued` bytes of output are unread. False: it is refused. */
  opened(queued: number): boolean {
    if (queued < this.#limits.unreadHeadsBytes) {
      this.#refusedUnread = 0;
      return true;
    }
    if (++this.#refusedUnread > this.#limits.unreadStreamsMax)
      throw calm('outbound_flood', 'responses are not read, and streams are opened');
    return false;
  }
}

/** Names the statistic that counts it: "http2.<name>". */
export type H2Violation =
  | 'inbound_reset_flood'
  | 'inbound_control_frames_flood'
  | 'inbound_empty_frames_flood'
  | 'inbound_window_update_frames_flood'
  | 'outbound_control_flood'
  | 'outbound_flood'
  | 'header_overflow'
  | 'protocol_errors';

function calm(violation: H2Violation, message: string): ConnectionError {
  return new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, message, violation);
}
