// One request on its way through the filter chain: head, body and trailers down to the router, the
// response back up to the codec; stop, buffer, reply and replaceData of the filters between.

import { HTTP, type StreamRecord } from '#telemetry';
import {
  HeaderBlock,
  type RequestHead,
  type ResetReason,
  type ResponseHead,
  type ServerStream,
  type ServerStreamHandler,
} from '#wire/http';
import type { MatchInput } from '../matcher/match-input.ts';
import type { RouteChoice } from '../route/index.ts';
import { asBuffer } from './as-buffer.ts';
import type { DownstreamFacts, HttpFilter, LocalReply } from './filter.ts';
import { FILTER_DISABLED } from './filter-disabled.ts';
import { FilterSlot } from './filter-slot.ts';
import { HalfState } from './half-state.ts';
import type { HttpConnection } from './http-connection.ts';
import { addMapped, buildLocalReply, mappedReply, mapperFor } from './local-reply.ts';
import type { ManagerConfig } from './manager-config.ts';
import { type RescueCause, rescue } from './rescue.ts';
import { keptForJudging } from './revocation.ts';
import type { StreamRouter } from './stream-router.ts';
import { StreamTimers } from './stream-timers.ts';

export class HttpStream implements ServerStreamHandler {
  readonly connection: HttpConnection;
  readonly config: ManagerConfig;
  readonly record: StreamRecord;
  readonly head: RequestHead;
  readonly facts: DownstreamFacts;
  /** The same three for every condition over the request. */
  readonly input: MatchInput;
  choice: RouteChoice | undefined = undefined;
  bufferLimit: number;
  responseHeadSent = false;
  /** The client's request is whole. */
  requestComplete: boolean;
  /** It is to become a tunnel, and counts as one until it is over. */
  upgraded = false;
  done = false;
  place = 0; // among its connection's streams
  /** What was asked for, to judge it again when the configuration changes. */
  asked: RequestHead | undefined = undefined;
  readonly timers: StreamTimers;
  router: StreamRouter | undefined = undefined;
  readonly #codec: ServerStream;
  #filters: readonly HttpFilter[] = [];
  readonly #request = new HalfState();
  readonly #response = new HalfState();
  #responseHead: ResponseHead | undefined = undefined;
  #codecPaused = false;
  #replaced: Uint8Array | undefined = undefined;
  #replied = false;

  constructor(
    connection: HttpConnection,
    config: ManagerConfig,
    codec: ServerStream,
    head: RequestHead,
    end: boolean,
    record: StreamRecord,
    facts: DownstreamFacts,
  ) {
    this.connection = connection;
    this.config = config;
    this.#codec = codec;
    this.head = head;
    this.requestComplete = end;
    this.record = record;
    this.facts = facts;
    this.input = { head, connection: facts, record };
    this.bufferLimit = config.bufferLimit;
    this.timers = new StreamTimers(this, connection.services.wheel);
  }

  /** Runs the head through the chain. The route was chosen before. */
  begin(): void {
    this.asked = keptForJudging(this.head, this.config);
    // Not `map`: the arrays that it makes once V8 has compiled it are of another kind, and all code for the first ones goes.
    const filters: HttpFilter[] = [];
    for (const factory of this.config.filters) {
      const absent = this.choice?.perFilterConfig(factory.name) === FILTER_DISABLED;
      filters.push(absent ? ABSENT : factory.create(new FilterSlot(this, filters.length)));
    }
    this.#filters = filters;
    this.#runRequestHead(0);
  }

  // From the codec.

  onData(data: Buffer, end: boolean): void {
    if (this.done) return;
    this.record.bytesReceived += data.length;
    this.requestComplete = end;
    if (end) this.record.requestEndMs = this.timers.touch();
    else this.timers.touch();
    if (this.#request.stopped) this.#holdRequest(data, end);
    else this.#runRequestData(0, data, end);
  }

  onTrailers(trailers: HeaderBlock): void {
    if (this.done) return;
    this.requestComplete = true;
    this.record.requestEndMs = this.timers.touch();
    if (this.#request.stopped) {
      this.#request.trailers = trailers;
      if (this.#request.mode === 'buffer') this.#giveWholeRequest();
    } else this.#runRequestTrailers(0, trailers);
  }

  onDrain(): void {
    this.router?.resumeResponse();
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.done) return;
    const record = this.record;
    const broken = reason === 'connection-termination';
    if (broken) this.connection.brokeOff = true;
    if (reason === 'protocol-error') {
      record.addFlag('DPE');
      if (record.responseCodeDetails === '') record.responseCodeDetails = detail.split(':', 1)[0] as string;
    } else {
      if (broken || reason === 'remote-reset') this.connection.count(HTTP.downstream_rq_rx_reset);
      record.addFlag('DC');
      record.responseCodeDetails =
        record.responseCodeDetails === '' || record.responseCodeDetails === 'via_upstream'
          ? 'downstream_remote_disconnect'
          : record.responseCodeDetails;
    }
    this.finish();
  }

  // From the router.

  pauseRequest(): void {
    if (this.#codecPaused || this.done) return;
    this.#codecPaused = true;
    this.#codec.pause();
  }

  resumeRequest(): void {
    if (!this.#codecPaused || this.done) return;
    this.#codecPaused = false;
    this.#codec.resume();
  }

  /** The client waits for 100 before it sends its body; the manager answers for the upstream, unless the head was enough to refuse it. */
  expectsContinue(): void {
    if (!this.#replied) this.sendInformational(100, new HeaderBlock());
  }

  sendInformational(status: number, headers: HeaderBlock): void {
    if (!this.done && !this.responseHeadSent) this.#codec.sendInformational(status, headers);
  }

  responseHead(head: ResponseHead, end: boolean): void {
    if (this.done) return;
    this.timers.touch();
    this.#responseHead = head;
    this.#response.end = end;
    this.#runResponseHead(this.#filters.length - 1);
  }

  responseData(data: Uint8Array, end: boolean): void {
    if (this.done) return;
    this.timers.touch();
    if (this.#response.stopped) this.#holdResponse(data, end);
    else this.#runResponseData(this.#filters.length - 1, data, end);
  }

  responseTrailers(trailers: HeaderBlock): void {
    if (this.done) return;
    if (this.#response.stopped) {
      this.#response.trailers = trailers;
      if (this.#response.mode === 'buffer') this.#giveWholeResponse();
    } else this.#runResponseTrailers(this.#filters.length - 1, trailers);
  }

  // From filters, through their slots.

  rescue(cause: RescueCause): void {
    this.reply(rescue(cause));
  }

  reply(reply: LocalReply): void {
    if (this.done) return;
    const record = this.record;
    if (reply.flag !== undefined) record.addFlag(reply.flag);
    record.responseCodeDetails = reply.details;
    if (this.responseHeadSent) return this.reset(reply.details);
    this.#replied = true;
    this.router?.destroy();
    this.router = undefined;
    this.#request.give();
    this.#response.restart();
    const mapper = mapperFor(this.config.replyMappers, record, reply.status);
    const { head, body } = buildLocalReply(mappedReply(reply, mapper), this.head, record);
    // A route's response headers belong on every answer of the proxy's own, as in Envoy.
    this.choice?.mutateResponseHeaders(head, this.input);
    addMapped(head, mapper, record);
    this.responseHead(head, body.length === 0);
    if (body.length > 0) this.responseData(body, true);
  }

  /** Bytes of bodies that wait in memory, in either direction. */
  get heldBytes(): number {
    return this.#request.bytes + this.#response.bytes + this.#codec.queuedBytes + (this.router?.heldBytes ?? 0);
  }

  reset(detail: string, reason: ResetReason = 'local-reset'): void {
    if (this.done) return;
    if (this.record.responseCodeDetails === '' || this.record.responseCodeDetails === 'via_upstream')
      this.record.responseCodeDetails = detail;
    this.#codec.reset(reason);
    this.finish();
  }

  replaceData(data: Uint8Array): void {
    this.#replaced = data;
  }

  addResponseData(index: number, data: Uint8Array): void {
    this.#runResponseData(index - 1, data, false);
  }

  clearRoute(): void {
    this.choice = this.connection.chooseRoute(this);
  }

  continueRequest(index: number): void {
    const half = this.#request;
    if (this.done || !half.resume(index)) return;
    const from = half.dataFrom;
    const { data, end } = half.takeData();
    const trailers = half.takeTrailers();
    if (!half.headDone) {
      // The head is the end only when nothing was held behind it.
      half.pendingBody = data !== undefined || trailers !== undefined;
      this.#runRequestHead(half.headAt + 1);
      const alone = !half.pendingBody;
      half.pendingBody = false;
      if (alone) {
        if (!half.stopped) this.resumeRequest();
        return;
      }
    }
    if (this.done || this.#replied) return;
    this.#again(data, end, trailers, from, true);
    if (!half.stopped) this.resumeRequest();
  }

  continueResponse(index: number): void {
    const half = this.#response;
    if (this.done || !half.resume(index)) return;
    const from = half.dataFrom;
    const { data, end } = half.takeData();
    const trailers = half.takeTrailers();
    if (!half.headDone) this.#runResponseHead(half.headAt - 1);
    if (this.done) return;
    this.#again(data, end, trailers, from, false);
    if (!half.stopped) this.router?.resumeResponse();
  }

  /** Ends the stream: exactly once, whatever the reason. */
  finish(): void {
    if (this.done) return;
    this.done = true;
    this.timers.cancel();
    this.router?.destroy();
    for (const filter of this.#filters) filter.destroy?.();
    this.connection.onStreamEnd(this);
  }

  // Request direction.

  #runRequestHead(from: number): void {
    const filters = this.#filters;
    const half = this.#request;
    const end = this.requestComplete && !half.holds;
    for (let i = from; i < filters.length; i++) {
      const filter = filters[i] as HttpFilter;
      if (filter.requestHead === undefined) continue;
      half.enter(i);
      const status = filter.requestHead(this.head, end);
      if (this.done || this.#replied) return;
      if (half.leave(status)) {
        half.headAt = i;
        // A whole request has nothing left to wait for.
        if (status === 'buffer' && this.requestComplete) this.#giveWholeRequest();
        return;
      }
    }
    half.headDone = true;
    this.connection.startRouter(this, end);
  }

  #runRequestData(from: number, data: Uint8Array, end: boolean): void {
    const filters = this.#filters;
    const half = this.#request;
    for (let i = from; i < filters.length; i++) {
      const filter = filters[i] as HttpFilter;
      if (filter.requestData === undefined) continue;
      half.enter(i);
      const status = filter.requestData(asBuffer(data), end);
      if (this.done || this.#replied) return;
      data = this.#takeReplaced(data, this.head.headers, half.headDone);
      if (half.leave(status)) {
        half.dataFrom = status === 'buffer' ? i : i + 1;
        this.#holdRequest(data, end);
        return;
      }
      if (!half.headDone && i === half.headAt) {
        this.#runRequestHead(i + 1);
        if (this.done || this.#replied) return;
        if (half.stopped) {
          half.keep(data, end);
          return;
        }
      }
    }
    this.router?.requestData(data, end);
  }

  #runRequestTrailers(from: number, trailers: HeaderBlock): void {
    for (let i = from; i < this.#filters.length; i++) {
      const filter = this.#filters[i] as HttpFilter;
      if (filter.requestTrailers === undefined) continue;
      this.#request.enter(i);
      const status = filter.requestTrailers(trailers);
      if (this.done || this.#replied) return;
      if (this.#request.leave(status)) {
        this.#request.dataFrom = i + 1;
        this.#request.trailers = trailers;
        return;
      }
    }
    this.router?.requestTrailers(trailers);
  }

  #holdRequest(data: Uint8Array, end: boolean): void {
    const half = this.#request;
    half.keep(data, end);
    if (half.mode === 'buffer') {
      if (half.bytes > this.bufferLimit) this.rescue('request-too-large');
      else if (end) this.#giveWholeRequest();
    } else if (half.bytes > this.bufferLimit / 2) this.pauseRequest();
  }

  #giveWholeRequest(): void {
    const half = this.#request;
    const { data } = half.takeData();
    const trailers = half.takeTrailers();
    half.give();
    const at = half.headDone ? half.dataFrom : half.headAt;
    const whole = data ?? EMPTY;
    // An empty body that was whole with the head goes on as head with end.
    if (whole.length === 0 && !half.headDone && trailers === undefined) {
      const filter = this.#filters[at] as HttpFilter;
      const status = filter.requestData?.(EMPTY, true) ?? 'continue';
      if (this.done || this.#replied) return;
      half.enter(at);
      if (half.leave(status)) return;
      this.#takeReplaced(EMPTY, this.head.headers, false);
      this.#runRequestHead(at + 1);
      return;
    }
    half.end = trailers === undefined;
    half.pendingBody = true;
    this.#runRequestData(at, whole, trailers === undefined);
    half.pendingBody = false;
    if (trailers === undefined || this.done) return;
    if (half.stopped) half.trailers = trailers;
    else this.#runRequestTrailers(at, trailers);
  }

  // Response direction: filters from the last to the first.

  #runResponseHead(from: number): void {
    const half = this.#response;
    const head = this.#responseHead as ResponseHead;
    for (let i = from; i >= 0; i--) {
      const filter = this.#filters[i] as HttpFilter;
      if (filter.responseHead === undefined) continue;
      half.enter(i);
      const status = filter.responseHead(head, half.end && !half.holds);
      if (this.done || head !== this.#responseHead) return;
      if (half.leave(status)) {
        half.headAt = i;
        if (status === 'buffer' && half.end) this.#giveWholeResponse();
        return;
      }
    }
    half.headDone = true;
    const end = half.end && !half.holds && !half.pendingBody;
    this.responseHeadSent = true;
    this.connection.finishResponseHead(this, head);
    this.record.responseCode = head.status;
    this.record.responseHeaders = head.headers;
    this.#codec.sendHead(head, end);
    if (end) this.finish();
  }

  #runResponseData(from: number, data: Uint8Array, end: boolean): void {
    const half = this.#response;
    for (let i = from; i >= 0; i--) {
      const filter = this.#filters[i] as HttpFilter;
      if (filter.responseData === undefined) continue;
      half.enter(i);
      const status = filter.responseData(asBuffer(data), end);
      if (this.done) return;
      data = this.#takeReplaced(data, this.#responseHead?.headers, half.headDone);
      if (half.leave(status)) {
        half.dataFrom = status === 'buffer' ? i : i - 1;
        this.#holdResponse(data, end);
        return;
      }
      if (!half.headDone && i === half.headAt) {
        this.#runResponseHead(i - 1);
        if (this.done) return;
        if (half.stopped) {
          half.keep(data, end);
          return;
        }
      }
    }
    this.record.bytesSent += data.length;
    const room = this.#codec.sendData(data, end);
    if (end) this.#finishSaid();
    else if (!room) this.router?.pauseResponse();
  }

  #runResponseTrailers(from: number, trailers: HeaderBlock): void {
    for (let i = from; i >= 0; i--) {
      const filter = this.#filters[i] as HttpFilter;
      if (filter.responseTrailers === undefined) continue;
      this.#response.enter(i);
      const status = filter.responseTrailers(trailers);
      if (this.done) return;
      if (this.#response.leave(status)) {
        this.#response.dataFrom = i - 1;
        this.#response.trailers = trailers;
        return;
      }
      // What the filter added is held further on.
      if (this.#response.stopped) return this.responseTrailers(trailers);
      const data = this.#replaced;
      if (data === undefined) continue;
      // The filter turned them into the body's last bytes.
      this.#replaced = undefined;
      this.record.responseTrailers = trailers;
      return this.#runResponseData(i - 1, data, true);
    }
    this.record.responseTrailers = trailers;
    this.#codec.sendTrailers(trailers);
    this.#finishSaid();
  }

  /** All is said to the codec, and perhaps not yet to the client. */
  #finishSaid(): void {
    if (this.done) return;
    this.finish();
    if (this.#codec.queuedBytes > 0) this.connection.awaitFlush(this.#codec, this.config.streamIdleMs);
  }

  #holdResponse(data: Uint8Array, end: boolean): void {
    const half = this.#response;
    half.keep(data, end);
    if (half.mode === 'buffer') {
      if (half.bytes > this.bufferLimit) this.rescue('response-too-large');
      else if (end) this.#giveWholeResponse();
    } else if (half.bytes > this.bufferLimit / 2) this.router?.pauseResponse();
  }

  #giveWholeResponse(): void {
    const half = this.#response;
    const { data } = half.takeData();
    const trailers = half.takeTrailers();
    half.give();
    const at = half.headDone ? half.dataFrom : half.headAt;
    half.end = trailers === undefined;
    half.pendingBody = true;
    this.#runResponseData(at, data ?? EMPTY, trailers === undefined);
    half.pendingBody = false;
    if (trailers === undefined || this.done) return;
    if (half.stopped) half.trailers = trailers;
    else this.#runResponseTrailers(at, trailers);
  }

  #again(
    data: Uint8Array | undefined,
    end: boolean,
    trailers: HeaderBlock | undefined,
    from: number,
    request: boolean,
  ): void {
    const half = request ? this.#request : this.#response;
    if (half.stopped) {
      // The next filter stopped as well: what was held stays held.
      if (data !== undefined) half.keep(data, end);
      if (trailers !== undefined) half.trailers = trailers;
      return;
    }
    if (data !== undefined || end) {
      const bytes = data ?? EMPTY;
      if (request) this.#runRequestData(from, bytes, end);
      else this.#runResponseData(from, bytes, end);
    }
    if (trailers === undefined || this.done) return;
    if (half.stopped) half.trailers = trailers;
    else if (request) this.#runRequestTrailers(from, trailers);
    else this.#runResponseTrailers(from, trailers);
  }

  #takeReplaced(data: Uint8Array, headers: HeaderBlock | undefined, headPassed: boolean): Uint8Array {
    const replaced = this.#replaced;
    if (replaced === undefined) return data;
    this.#replaced = undefined;
    // Its length is not the one that was announced.
    if (!headPassed) headers?.remove('content-length');
    return replaced;
  }
}

const EMPTY = Buffer.alloc(0);
const ABSENT: HttpFilter = {}; // stands in for a filter that the route turns off
