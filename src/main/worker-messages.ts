// What the process and its proxy workers say to each other. Both are of one build: no version, no compatibility.

import type { TapAsk } from '#agent';
import type { ListenOptions, LogLevel } from '#base';
import type { SecretValue } from '#identity';
import type { Ask, Reply } from '#leases';
import type { EjectionCause, HostView, NamedResource, StreamReset, ToldHealth } from '#proxy';
import type { ComputedStat, StatWord, SummaryInit } from '#telemetry';
import type { CaptureOrder } from './thread-net.ts';
import type { ReportingOrder } from './worker-reporting.ts';

/** `workerData` of a worker. */
export interface WorkerOrder {
  /** 1 to the number of workers; 0 is the process's own thread. */
  readonly lane: number;
  readonly lanes: number;
  readonly table: SharedArrayBuffer;
  readonly health: readonly (readonly [cluster: string, host: string, bits: number])[];
  readonly logLevel: LogLevel;
  readonly streamReset: StreamReset | undefined;
  readonly self: WorkerSelf;
  /** In an agent: what finished streams are counted into. */
  readonly reporting: ReportingOrder | undefined;
  readonly taps: readonly TapAsk[];
  /** Of a captured workload. */
  readonly capture: CaptureOrder | undefined;
}

/** ProxySelf without its function. */
export interface WorkerSelf {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly serviceName: string;
  readonly nodeId: string;
  readonly address: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Resources, their bytes one behind the other in `bytes`. */
export interface PackedBatch {
  readonly typeUrl: string;
  readonly added: readonly { readonly name: string; readonly version: string; readonly length: number }[];
  readonly removed: readonly string[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ToWorker =
  | { readonly kind: 'apply'; readonly batch: PackedBatch }
  | { readonly kind: 'secret'; readonly name: string; readonly value: SecretValue }
  | { readonly kind: 'health'; readonly cluster: string; readonly host: string; readonly bits: ToldHealth }
  | { readonly kind: 'socket'; readonly id: number; readonly socket: SocketAnswer }
  | { readonly kind: 'logged'; readonly id: number; readonly problem: string | undefined }
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'look' | 'settled' | 'summary' }
  | { readonly kind: 'drain'; readonly id: number; readonly limitMs: number; readonly succeeded: boolean }
  | { readonly kind: 'drain-listeners'; readonly inboundOnly: boolean }
  | { readonly kind: 'log-level'; readonly scope: string | undefined; readonly level: LogLevel }
  | { readonly kind: 'reset-counters' }
  /** The process's own descriptor of it is closed, if nobody else needs it. */
  | { readonly kind: 'released'; readonly id: number }
  /** The configuration is whole: sockets of the process before this one may be accepted on. */
  | { readonly kind: 'accept' }
  /** Of limits that all proxies share; undefined: there is no way to who grants. */
  | { readonly kind: 'granted'; readonly reply: Reply | undefined }
  /** All of them: what is missing is over. */
  | { readonly kind: 'taps'; readonly asks: readonly TapAsk[] };

export type SocketAnswer =
  | {
      readonly fd: number;
      readonly address: string;
      readonly port: number;
      /** Until 'accept' is said. */
      readonly waits: boolean;
    }
  | { readonly problem: string };

export type FromWorker =
  | { readonly kind: 'up' }
  | { readonly kind: 'listen'; readonly id: number; readonly inside: boolean; readonly options: ListenOptions }
  | { readonly kind: 'unlisten'; readonly id: number }
  | { readonly kind: 'want-secret'; readonly name: string }
  | { readonly kind: 'drop-secret'; readonly name: string }
  | { readonly kind: 'log'; readonly id: number; readonly path: string; readonly block: string }
  | { readonly kind: 'stat'; readonly word: StatWord }
  | { readonly kind: 'eject'; readonly cluster: string; readonly host: string; readonly cause: EjectionCause }
  | { readonly kind: 'applied' }
  | { readonly kind: 'draw'; readonly asks: readonly Ask[] }
  | { readonly kind: 'tap'; readonly subscription: bigint; readonly json: string }
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly answer: WorkerLook | WorkerSettled | WorkerSummary | undefined;
    };

/** What a worker counts that stands in no statistics. */
export interface WorkerLook {
  readonly connections: number;
  readonly memory: { readonly allocated: number; readonly heapSize: number };
  readonly computed: readonly { readonly name: string; readonly kind: ComputedStat['kind']; readonly value: number }[];
  readonly hosts: readonly (readonly [cluster: string, hosts: readonly HostView[]])[];
  /** Istio's metrics as text; '' outside an agent. */
  readonly exposition: string;
}

/** An agent's worker, since it was asked last. */
export interface WorkerSummary {
  readonly edges: NonNullable<SummaryInit['edges']>;
  readonly routes: NonNullable<SummaryInit['routes']>;
  readonly droppedEdges: bigint;
  readonly connections: number;
}

/** Listeners that could not be bound, and why. */
export interface WorkerSettled {
  readonly unbound: readonly (readonly [listener: string, reason: string])[];
}

export function packBatch(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): PackedBatch {
  const bytes = new Uint8Array(added.reduce((sum, one) => sum + one.bytes.length, 0));
  let at = 0;
  const heads = added.map(({ name, version, bytes: own }) => {
    bytes.set(own, at);
    at += own.length;
    return { name, version, length: own.length };
  });
  return { typeUrl, added: heads, removed, bytes };
}

export function unpackBatch({ added, bytes }: PackedBatch): NamedResource[] {
  let at = 0;
  return added.map(({ name, version, length }) => {
    at += length;
    return { name, version, bytes: bytes.subarray(at - length, at) };
  });
}
