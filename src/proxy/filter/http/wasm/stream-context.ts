// One request in a plugin: the HTTP filter that shows it heads, bodies and trailers and does what it answers.

import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import type { FilterCallbacks, FilterStatus, HttpFilter, LocalReply } from '../../../http/filter.ts';
import { BUFFER, MAP } from './abi.ts';
import { type HeaderMap, plainMap, requestMap, responseMap } from './header-map.ts';
import { WASM_LIMITS } from './limits.ts';
import { FAILED } from './machine.ts';
import type { Plugin, Waiter } from './plugin.ts';
import { PluginContext, type RootContext } from './plugin-context.ts';
import { propertyOf } from './properties.ts';

const GO_ON = 0;
const END_HERE = 2;

/** What a direction of the stream is at. */
interface Half {
  /** The plugin let the head go on at once. */
  headGone: boolean;
  paused: boolean;
  /** Everything that comes is kept for the plugin to see at once. */
  buffering: boolean;
  /** What was shown and held back goes on unseen. */
  passing: boolean;
  body: Buffer | undefined;
  changed: boolean;
}
const newHalf = (): Half => ({
  headGone: false,
  paused: false,
  buffering: false,
  passing: false,
  body: undefined,
  changed: false,
});

export class WasmFilter implements HttpFilter, Waiter {
  readonly #plugin: Plugin;
  readonly #callbacks: FilterCallbacks;
  #context: StreamContext | undefined = undefined;
  #head: RequestHead | undefined = undefined;
  #end = false;
  #waiting = false;

  constructor(plugin: Plugin, callbacks: FilterCallbacks) {
    this.#plugin = plugin;
    this.#callbacks = callbacks;
    plugin.hold();
  }

  requestHead(head: RequestHead, end: boolean): FilterStatus {
    this.#head = head;
    this.#end = end;
    const root = this.#plugin.ready(this);
    if (root === undefined) {
      this.#waiting = true;
      return 'stop';
    }
    return root === false ? this.#without() : this.#begin(root, head, end);
  }

  pluginSettled(): void {
    this.#waiting = false;
    const root = this.#plugin.ready(this);
    if (root === undefined) {
      this.#waiting = true;
      return;
    }
    const status = root === false ? this.#without() : this.#begin(root, this.#head as RequestHead, this.#end);
    if (status === 'continue') this.#callbacks.continueRequest();
  }

  requestData(data: Buffer, end: boolean): FilterStatus {
    return this.#context?.body(0, data, end) ?? 'continue';
  }

  requestTrailers(trailers: HeaderBlock): FilterStatus {
    return this.#context?.trailers(0, trailers) ?? 'continue';
  }

  responseHead(head: ResponseHead, end: boolean): FilterStatus {
    return this.#context?.responseHead(head, end) ?? 'continue';
  }

  responseData(data: Buffer, end: boolean): FilterStatus {
    return this.#context?.body(1, data, end) ?? 'continue';
  }

  responseTrailers(trailers: HeaderBlock): FilterStatus {
    return this.#context?.trailers(1, trailers) ?? 'continue';
  }

  destroy(): void {
    if (this.#waiting) this.#plugin.leave(this);
    this.#context?.end();
    this.#plugin.release();
  }

  #begin(root: RootContext, head: RequestHead, end: boolean): FilterStatus {
    this.#context = new StreamContext(root, this.#plugin, this.#callbacks);
    return this.#context.requestHead(head, end);
  }

  #without(): FilterStatus {
    if (this.#plugin.failOpen) {
      this.#plugin.passedBy.inc();
      return 'continue';
    }
    this.#plugin.refused.inc();
    this.#callbacks.record.policyRule = `plugin[${this.#plugin.settings.facts.name}]`;
    this.#callbacks.reply(REFUSAL);
    return 'stop';
  }
}

/** As Envoy answers for a plugin that is gone. */
const REFUSAL: LocalReply = { status: 503, body: '', details: 'wasm_fail_stream' };

class StreamContext extends PluginContext {
  readonly root: RootContext;
  readonly #plugin: Plugin;
  readonly #callbacks: FilterCallbacks;
  readonly #halves: readonly [Half, Half] = [newHalf(), newHalf()];
  #request: RequestHead | undefined = undefined;
  #response: ResponseHead | undefined = undefined;
  #requestTrailers: HeaderBlock | undefined = undefined;
  #responseTrailers: HeaderBlock | undefined = undefined;
  #headPassed = false;
  #routeStale = false;
  #over = false;
  #lingers = false;
  #failed = false;

  constructor(root: RootContext, plugin: Plugin, callbacks: FilterCallbacks) {
    super(root.machine, plugin.settings);
    this.root = root;
    this.#plugin = plugin;
    this.#callbacks = callbacks;
    this.machine.run(this, this.machine.on.create, this.id, root.id);
  }

  requestHead(head: RequestHead, end: boolean): FilterStatus {
    this.#request = head;
    const { on } = this.machine;
    const status = this.#headStatus(
      0,
      this.machine.run(this, on.requestHeaders, this.id, head.headers.count + 4, end ? 1 : 0),
      end,
    );
    if (status === 'continue') this.#letHeadPass();
    return status;
  }

  responseHead(head: ResponseHead, end: boolean): FilterStatus {
    if (this.#failed) return 'continue';
    this.#response = head;
    const { on } = this.machine;
    return this.#headStatus(
      1,
      this.machine.run(this, on.responseHeaders, this.id, head.headers.count + 1, end ? 1 : 0),
      end,
    );
  }

  body(direction: 0 | 1, data: Buffer, end: boolean): FilterStatus {
    const half = this.#halves[direction];
    if (this.#failed || half.passing) return 'continue';
    const { on } = this.machine;
    // A body that was collected is whole, though trailers follow.
    const whole = end || half.buffering;
    half.body = data;
    half.changed = false;
    const action = this.machine.run(
      this,
      direction === 0 ? on.requestBody : on.responseBody,
      this.id,
      data.length,
      whole ? 1 : 0,
    );
    const body = half.body;
    half.body = undefined;
    if (action === FAILED || this.#failed) return this.#afterFailure();
    if (half.changed) this.#callbacks.replaceData(body);
    if (action === GO_ON) {
      half.buffering = false;
      return 'continue';
    }
    half.paused = true;
    half.buffering = !whole;
    return whole ? 'stop' : 'buffer';
  }

  trailers(direction: 0 | 1, trailers: HeaderBlock): FilterStatus {
    if (this.#failed) return 'continue';
    const { on } = this.machine;
    if (direction === 0) this.#requestTrailers = trailers;
    else this.#responseTrailers = trailers;
    const action = this.machine.run(
      this,
      direction === 0 ? on.requestTrailers : on.responseTrailers,
      this.id,
      trailers.count,
    );
    if (action === FAILED || this.#failed) return this.#afterFailure();
    if (action === GO_ON) return 'continue';
    this.#halves[direction].paused = true;
    return 'stop';
  }

  /** The stream is over; the plugin may keep its context until it says proxy_done. */
  end(): void {
    this.#over = true;
    const { machine } = this;
    if (this.#failed || machine.failure !== undefined) return;
    const done = machine.on.done === undefined || machine.run(this, machine.on.done, this.id) !== 0;
    if (done || machine.contexts.size > WASM_LIMITS.lingeringMax) return this.#finish();
    this.#lingers = true;
  }

  override done(): boolean {
    if (!this.#lingers) return false;
    this.#lingers = false;
    this.machine.after(() => this.#finish());
    return true;
  }

  override map(type: number): HeaderMap | undefined {
    switch (type) {
      case MAP.requestHeaders:
        return this.#request === undefined || this.#gone(0) ? undefined : requestMap(this.#request);
      case MAP.responseHeaders:
        return this.#response === undefined || this.#gone(1) ? undefined : responseMap(this.#response);
      case MAP.requestTrailers:
        return this.#requestTrailers === undefined ? undefined : plainMap(this.#requestTrailers);
      case MAP.responseTrailers:
        return this.#responseTrailers === undefined ? undefined : plainMap(this.#responseTrailers);
      default:
        return super.map(type);
    }
  }

  override mapChanged(type: number): void {
    if (type === MAP.requestHeaders) this.#routeStale = true;
  }

  override buffer(type: number): Buffer | undefined {
    if (type === BUFFER.requestBody) return this.#halves[0].body;
    return type === BUFFER.responseBody ? this.#halves[1].body : super.buffer(type);
  }

  override setBuffer(type: number, bytes: Buffer): boolean {
    const half =
      type === BUFFER.requestBody ? this.#halves[0] : type === BUFFER.responseBody ? this.#halves[1] : undefined;
    if (half?.body === undefined) return false;
    half.body = bytes;
    half.changed = true;
    return true;
  }

  override property(path: readonly string[]): Buffer | undefined {
    return propertyOf(path, this.settings.facts, {
      callbacks: this.#callbacks,
      request: this.#request,
      response: this.#response,
    });
  }

  override setProperty(path: readonly string[], value: string): boolean {
    const { record } = this.#callbacks;
    const state = (record.filterState ??= new Map());
    const name = `wasm.${path.join('.')}`;
    if (!state.has(name) && state.size >= WASM_LIMITS.propertiesMax) return false;
    state.set(name, value);
    return true;
  }

  override resume(direction: number): boolean {
    const half = direction === 0 || direction === 1 ? this.#halves[direction] : undefined;
    if (half === undefined || this.#over) return false;
    this.machine.after(() => this.#goOn(half, direction === 0));
    return true;
  }

  override reply(reply: LocalReply): boolean {
    if (this.#over) return false;
    this.machine.after(() => {
      if (this.#over) return;
      this.#callbacks.record.policyRule = `plugin[${this.settings.facts.name}]`;
      this.#callbacks.reply(reply);
    });
    return true;
  }

  override close(): boolean {
    if (this.#over) return false;
    this.machine.after(() => {
      if (!this.#over) this.#callbacks.resetStream('wasm_close_stream');
    });
    return true;
  }

  override clearRoute(): void {
    this.#routeStale = true;
  }

  machineFailed(): void {
    this.#failed = true;
    if (this.#over) return;
    if (this.#plugin.failOpen) {
      this.#plugin.passedBy.inc();
      for (const half of this.#halves) this.#goOn(half, half === this.#halves[0]);
      return;
    }
    this.#plugin.refused.inc();
    this.#callbacks.record.policyRule = `plugin[${this.settings.facts.name}]`;
    this.#callbacks.reply(REFUSAL);
  }

  #headStatus(direction: 0 | 1, action: number, end: boolean): FilterStatus {
    if (action === FAILED || this.#failed) return this.#afterFailure();
    const half = this.#halves[direction];
    if (action === GO_ON || action === END_HERE) {
      half.headGone = true;
      return 'continue';
    }
    half.paused = true;
    half.buffering = this.settings.bodyBehindHead && action === 1 && !end;
    return half.buffering ? 'buffer' : 'stop';
  }

  /** The stream was answered or let go already. */
  #afterFailure(): FilterStatus {
    return this.#plugin.failOpen ? 'continue' : 'stop';
  }

  #goOn(half: Half, request: boolean): void {
    if (this.#over || !half.paused) return;
    half.paused = false;
    // What it holds back was shown to it.
    half.passing = half.buffering && half.body === undefined && !(this.settings.bodyBehindHead && !this.#headPassed);
    half.buffering = false;
    if (request) {
      this.#letHeadPass();
      this.#callbacks.continueRequest();
    } else this.#callbacks.continueResponse();
    half.passing = false;
  }

  /** A head that the plugin let go on is not to be had until all is over (as in Envoy): it may be on its way already. */
  #gone(direction: 0 | 1): boolean {
    return this.#halves[direction].headGone && !this.#over;
  }

  #letHeadPass(): void {
    if (this.#headPassed) return;
    this.#headPassed = true;
    if (this.#routeStale && !this.#over) this.#callbacks.clearRoute();
  }

  #finish(): void {
    const { machine } = this;
    machine.run(this, machine.on.log, this.id);
    machine.run(this, machine.on.destroy, this.id);
    machine.contexts.delete(this.id);
  }
}
