// A filter's handle on its stream: the callbacks, with the filter's place in the chain.

import type { StreamRecord } from '#telemetry';
import type { DownstreamFacts, FilterCallbacks, LocalReply, RouteView } from './filter.ts';
import type { HttpStream } from './http-stream.ts';

export class FilterSlot implements FilterCallbacks {
  readonly #stream: HttpStream;
  readonly #index: number;

  constructor(stream: HttpStream, index: number) {
    this.#stream = stream;
    this.#index = index;
  }

  get record(): StreamRecord {
    return this.#stream.record;
  }
  get connection(): DownstreamFacts {
    return this.#stream.facts;
  }
  get route(): RouteView | undefined {
    return this.#stream.choice;
  }
  get bufferLimit(): number {
    return this.#stream.bufferLimit;
  }
  set bufferLimit(bytes: number) {
    this.#stream.bufferLimit = bytes;
  }
  clearRoute(): void {
    this.#stream.clearRoute();
  }
  continueRequest(): void {
    this.#stream.continueRequest(this.#index);
  }
  continueResponse(): void {
    this.#stream.continueResponse(this.#index);
  }
  reply(reply: LocalReply): void {
    this.#stream.reply(reply);
  }
  replaceData(data: Uint8Array): void {
    this.#stream.replaceData(data);
  }
  addResponseData(data: Uint8Array): void {
    this.#stream.addResponseData(this.#index, data);
  }
  resetStream(detail: string): void {
    this.#stream.reset(detail);
  }
}
