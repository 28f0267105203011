// The deadlines of one stream: idle, whole request, longest life. None is made that is not configured.

import { Deadline, type TimerWheel, turnTime } from '#base';
import { HTTP } from '#telemetry';
import type { HttpStream } from './http-stream.ts';
import { rescue } from './rescue.ts';

/** google.rpc.Code: unlike UNAVAILABLE nothing that a client of gRPC tries again. */
const DEADLINE_EXCEEDED = 4;

export class StreamTimers {
  readonly #stream: HttpStream;
  readonly #wheel: TimerWheel;
  #idle: Deadline<StreamTimers> | undefined = undefined;
  #request: Deadline | undefined = undefined;
  #life: Deadline | undefined = undefined;
  #idleMs = 0;

  constructor(stream: HttpStream, wheel: TimerWheel) {
    this.#stream = stream;
    this.#wheel = wheel;
  }

  start(nowMs: number): void {
    const { streamIdleMs, requestTimeoutMs, maxStreamMs } = this.#stream.config;
    this.setIdle(streamIdleMs, nowMs);
    if (requestTimeoutMs > 0 && !this.#stream.requestComplete) {
      this.#request = new Deadline(() => {
        this.#stream.connection.count(HTTP.downstream_rq_timeout);
        this.#stream.rescue('request-timeout');
      });
      this.#wheel.arm(this.#request, requestTimeoutMs, nowMs);
    }
    if (maxStreamMs > 0) this.setLife(maxStreamMs, nowMs);
  }

  /** 0 = no limit. A route may say otherwise than the manager. */
  setIdle(ms: number, nowMs: number): void {
    this.#idleMs = ms;
    if (ms > 0) {
      this.#idle ??= new Deadline(StreamTimers.#onIdle, this);
      this.#wheel.arm(this.#idle, ms, nowMs);
    } else if (this.#idle !== undefined) this.#wheel.cancel(this.#idle);
  }

  /** Since the stream began; 0 = no limit. A route may say otherwise than the manager; undefined: it does not. */
  setLife(ms: number | undefined, startMs: number): void {
    if (ms === undefined) return;
    if (this.#life !== undefined) this.#wheel.cancel(this.#life);
    if (ms === 0) return;
    this.#life ??= new Deadline(() => this.#onOld());
    this.#wheel.arm(this.#life, ms, startMs);
  }

  /** Something moved; gives the present time. */
  touch(): number {
    const now = turnTime(this.#stream.connection.services.clock);
    if (this.#idle !== undefined && this.#idleMs > 0) this.#wheel.arm(this.#idle, this.#idleMs, now);
    if (this.#request !== undefined && this.#stream.requestComplete) this.#wheel.cancel(this.#request);
    return now;
  }

  cancel(): void {
    if (this.#idle !== undefined) this.#wheel.cancel(this.#idle);
    if (this.#request !== undefined) this.#wheel.cancel(this.#request);
    if (this.#life !== undefined) this.#wheel.cancel(this.#life);
  }

  #onOld(): void {
    this.#stream.connection.count(HTTP.downstream_rq_max_duration_reached);
    this.#timeOut('downstream-max-duration');
  }

  /** Envoy: 504 once the request was whole, since then the endpoint is late; before that 408. */
  #timeOut(cause: 'downstream-max-duration' | 'stream-idle'): void {
    const status = this.#stream.requestComplete ? 504 : 408;
    const deadline = cause === 'downstream-max-duration' ? { grpcStatus: DEADLINE_EXCEEDED } : {};
    this.#stream.reply({ ...rescue(cause), ...deadline, status });
  }

  static #onIdle(timers: StreamTimers): void {
    const stream = timers.#stream;
    stream.connection.count(HTTP.downstream_rq_idle_timeout);
    stream.record.addFlag('SI');
    timers.#timeOut('stream-idle');
  }
}
