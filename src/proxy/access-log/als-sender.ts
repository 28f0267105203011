// One stream to Envoy's access log service (envoy.service.accesslog.v3): begun with the first entries, begun anew when it ends.

import type { Timer } from '#base';
import { alsMessage } from '#telemetry';
import { Backoff, type ClientCall, GrpcChannel } from '#wire/grpc';
import type { ProxyServices } from '../services.ts';
import { clusterDialer } from '../upstream/cluster-dialer.ts';
import { type EntryCounts, EntryQueue } from './entry-queue.ts';
import { STREAM_RETRY_MS } from './limits.ts';

const PATH = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

export interface AlsTarget {
  readonly kind: 'http' | 'tcp';
  readonly logName: string;
  readonly cluster: string;
  readonly authority: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly flushMs: number;
  readonly flushBytes: number;
}

export class AlsSender {
  readonly #services: ProxyServices;
  readonly #target: AlsTarget;
  readonly #channel: GrpcChannel;
  readonly #backoff: Backoff;
  readonly #queue: EntryQueue;
  #call: ClientCall | undefined;
  #retry: Timer | undefined;

  constructor(services: ProxyServices, target: AlsTarget, counts: EntryCounts) {
    const { clock, random, clusters } = services;
    this.#services = services;
    this.#target = target;
    this.#backoff = new Backoff(STREAM_RETRY_MS, random);
    this.#channel = new GrpcChannel({
      clock,
      random,
      dialer: clusterDialer(clusters, target.cluster, target.authority),
      keepaliveMs: 0,
    });
    const { flushMs, flushBytes } = target;
    this.#queue = new EntryQueue({ clock, flushMs, flushBytes, counts, send: (entries) => this.#send(entries) });
  }

  get queued(): number {
    return this.#queue.size;
  }

  add(entry: Uint8Array): void {
    this.#queue.add(entry);
  }

  /** What waits is sent, if the service takes it now. */
  close(): void {
    this.#queue.flush();
    this.#queue.close();
    this.#retry?.cancel();
    this.#call?.halfClose();
    this.#call = undefined;
  }

  #send(entries: readonly Uint8Array[]): boolean {
    if (this.#retry !== undefined) return false;
    const { kind, logName } = this.#target;
    const open = this.#call;
    if (open !== undefined && !open.writable) return false;
    const call = open ?? this.#begin();
    const { nodeId, serviceName, metadata } = this.#services.self;
    const identifier = { node: { id: nodeId, cluster: serviceName, metadata }, logName };
    call.send(alsMessage(kind, entries, open === undefined ? identifier : undefined));
    return true;
  }

  #begin(): ClientCall {
    const { clock, log } = this.#services;
    const call = this.#channel.openStream(
      PATH,
      {
        onMessage: () => {},
        onHeaders: () => this.#backoff.reset(),
        onDrain: () => this.#queue.flush(),
        onStatus: (status) => {
          if (this.#call !== call) return;
          this.#call = undefined;
          log.debug('the access log stream ended', { log: this.#target.logName, reason: status.message });
          this.#retry = clock.setTimer(
            this.#backoff.next(),
            () => {
              this.#retry = undefined;
              this.#queue.flush();
            },
            { unref: true },
          );
        },
      },
      { metadata: this.#target.metadata },
    );
    this.#call = call;
    return call;
  }
}
