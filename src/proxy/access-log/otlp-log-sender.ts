// Exports log records to an OpenTelemetry collector over gRPC, one report at a time.

import { encodeOtlpLogs, OTLP_LOGS_PATH } from '#telemetry';
import type { KeyValue } from '#proto/opentelemetry/proto/common/v1/common_pb.ts';
import { frameHeader } from '#wire/grpc';
import { HeaderBlock } from '#wire/http';
import { type CallResult, callCluster } from '../filter/call/cluster-call.ts';
import type { ProxyServices } from '../services.ts';
import { type EntryCounts, EntryQueue } from './entry-queue.ts';
import { EXPORT_ANSWER_BYTES_MAX, EXPORT_TIMEOUT_MS } from './limits.ts';

export interface OtlpLogTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly resource: readonly KeyValue[];
  readonly flushMs: number;
  readonly flushBytes: number;
}

export class OtlpLogSender {
  readonly #services: ProxyServices;
  readonly #target: OtlpLogTarget;
  readonly #counts: EntryCounts;
  readonly #queue: EntryQueue;
  #busy = false;
  #closing = false;

  constructor(services: ProxyServices, target: OtlpLogTarget, counts: EntryCounts) {
    this.#services = services;
    this.#target = target;
    this.#counts = counts;
    const { flushMs, flushBytes } = target;
    this.#queue = new EntryQueue({
      clock: services.clock,
      flushMs,
      flushBytes,
      counts,
      send: (entries) => this.#send(entries),
    });
  }

  get queued(): number {
    return this.#queue.size;
  }

  add(record: Uint8Array): void {
    this.#queue.add(record);
  }

  close(): void {
    this.#closing = true;
    this.#queue.flush();
    this.#queue.close();
  }

  #send(records: readonly Uint8Array[]): boolean {
    if (this.#busy) return false;
    this.#busy = true;
    const { cluster, authority, metadata, resource } = this.#target;
    const message = encodeOtlpLogs(resource, records);
    const headers = new HeaderBlock();
    headers.add('te', 'trailers');
    headers.add('content-type', 'application/grpc');
    for (const [name, value] of Object.entries(metadata)) headers.add(name, value);
    const head = {
      method: 'POST',
      path: OTLP_LOGS_PATH,
      authority,
      scheme: 'http',
      version: '2',
      protocol: '',
      headers,
    } as const;
    callCluster(
      {
        clusters: this.#services.clusters,
        cluster,
        head,
        body: Buffer.concat([frameHeader(message.length), message]),
        timeoutMs: EXPORT_TIMEOUT_MS,
        answerBytesMax: EXPORT_ANSWER_BYTES_MAX,
      },
      (result) => this.#answered(result, records.length),
    );
    return true;
  }

  #answered(result: CallResult, records: number): void {
    this.#busy = false;
    const problem = problemOf(result);
    if (problem !== undefined) {
      // They were counted as written when they left.
      this.#counts.written -= records;
      this.#counts.dropped += records;
      this.#services.log.debug('log records were not taken', { cluster: this.#target.cluster, reason: problem });
    }
    if (!this.#closing && this.#queue.size > 0) this.#services.clock.setTimer(0, () => this.#queue.flush());
  }
}

function problemOf(result: CallResult): string | undefined {
  if (!result.ok) return result.reason;
  const { status, headers, trailers } = result.answer;
  const code = trailers?.get('grpc-status') ?? headers.get('grpc-status') ?? 'missing';
  return status === 200 && code === '0' ? undefined : `status ${status}, grpc-status ${code}`;
}
