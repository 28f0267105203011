// The xDS server: all streams, their turns, and the gRPC services they come in by.
import {
  type Clock,
  type Logger,
  type ObjectRef,
  type ProxyNode,
  silentLogger,
  type Timer,
  type XdsResource,
} from '#base';
import { fairDeadline, type GrpcServer, type MethodHandler } from '#wire/grpc';
import { RepeatedNames } from '../codec/repeated-names.ts';
import { ResponseEncoder, type XdsVariant } from '../codec/response.ts';
import { XDS_ERRORS, xdsError } from '../errors.ts';
import { XDS_LIMITS } from '../limits.ts';
import { XDS_SERVICES } from '../services.ts';
import type { SnapshotChange, XdsBackend } from './backend.ts';
import { ObjectIndex } from './object-index.ts';
import type { Programmed, ProxySync } from './status.ts';
import { sameObject } from './status.ts';
import { PushCounts } from './push-counts.ts';
import { XdsStream } from './stream.ts';
import type { StreamHost } from './stream-host.ts';

export interface XdsServerOptions {
  readonly backend: XdsBackend;
  readonly clock: Clock;
  readonly log?: Logger;
}

export interface ConnectedStream {
  readonly node: ProxyNode;
  /** The newest snapshot all of whose responses it acknowledged; -1 = none yet. Only ever grows. */
  readonly watermark: number;
}

export interface DumpedResource {
  readonly resource: XdsResource;
  readonly status: 'acked' | 'sent' | 'rejected';
  readonly detail: string;
}

export class XdsServer implements StreamHost {
  readonly backend: XdsBackend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly encoder: ResponseEncoder;
  readonly repeated = new RepeatedNames();
  readonly #streams = new Set<XdsStream>();
  #connected: readonly ConnectedStream[] | undefined;
  readonly #turns = new Set<XdsStream>();
  readonly #watchers = new Set<() => void>();
  readonly #index = new ObjectIndex();
  readonly #unsubscribe: () => void;
  readonly counts: PushCounts;
  #turn: Timer | undefined;

  constructor(options: XdsServerOptions) {
    this.backend = options.backend;
    this.clock = options.clock;
    this.encoder = new ResponseEncoder(this.clock);
    this.log = options.log ?? silentLogger;
    this.counts = new PushCounts(this.clock);
    this.#unsubscribe = this.backend.subscribe((change) => this.#changed(change));
  }

  /** Adds the discovery services to a gRPC server; several may share this one (TLS and loopback). */
  register(server: GrpcServer): void {
    for (const { path, variant, type } of XDS_SERVICES) server.register(path, this.method(variant, type));
  }

  /** One stream method; `type` absent is the aggregated service. */
  method(variant: XdsVariant, type?: string): MethodHandler {
    return (call) => {
      const stream = new XdsStream(call, variant, type, this);
      // Whoever has not said who it is holds nothing open.
      fairDeadline(this.clock, XDS_LIMITS.firstRequestMs, () => {
        if (stream.node !== undefined || !call.open) return;
        const { status } = xdsError(XDS_ERRORS.silent);
        this.log.warn('an xDS stream is ended', { peer: call.peer.address, reason: status.message });
        call.end(status);
      });
      return stream;
    };
  }

  /** Every connected proxy, in order of their ids. */
  status(): readonly ProxySync[] {
    const all = [...this.#streams].map((stream) => stream.status()).filter((status) => status !== undefined);
    return all.sort((a, b) => (a.node.id < b.node.id ? -1 : 1));
  }

  proxies(): readonly ProxyNode[] {
    return this.connected().map(({ node }) => node);
  }

  /** Live: what they say is true at the moment of looking. The same array until a proxy comes or goes. */
  connected(): readonly ConnectedStream[] {
    this.#connected ??= [...this.#streams].filter(
      (stream): stream is XdsStream & ConnectedStream => stream.node !== undefined,
    );
    return this.#connected;
  }

  /**
   * How many of the proxies that have something of this object are at its snapshot (design 6).
   * Without an object, or for one that was deleted (nothing comes from it), all proxies count.
   */
  programmed(object: ObjectRef | undefined, snapshot: number): Programmed {
    const concerned =
      object === undefined
        ? []
        : [...this.#streams].filter((s) => s.resources !== undefined && this.#index.has(s.resources, object));
    const scope = concerned.length > 0 ? concerned : [...this.#streams];
    const laggards: { node: string; reason: string }[] = [];
    const rejects: { node: string; typeUrl: string; name: string; detail: string }[] = [];
    let acked = 0;
    for (const stream of scope) {
      const sync = stream.status();
      if (sync === undefined) continue;
      const blamed = sync.rejects.filter((r) => object === undefined || r.origins.some((o) => sameObject(o, object)));
      for (const { typeUrl, name, detail } of blamed) rejects.push({ node: sync.node.id, typeUrl, name, detail });
      if (blamed.length > 0) continue;
      if (sync.watermark >= snapshot) acked++;
      else
        laggards.push({
          node: sync.node.id,
          reason:
            sync.lagging === ''
              ? 'not acknowledged yet'
              : `no acknowledgement of its ${sync.lagging} within ${XDS_LIMITS.stepMs} ms`,
        });
    }
    return { total: scope.length, acked, laggards, rejects };
  }

  /** What a proxy was sent, for config_dump and CSDS; undefined when it is not connected here. */
  dump(nodeId: string): ReadonlyMap<string, readonly DumpedResource[]> | undefined {
    const streams = [...this.#streams].filter((stream) => stream.node?.id === nodeId);
    if (streams.length === 0) return undefined;
    const dump = new Map<string, DumpedResource[]>();
    for (const stream of streams) {
      for (const type of stream.types.values()) {
        const waiting = new Set(type.outstanding.flatMap((o) => o.resources));
        const list = dump.get(type.typeUrl) ?? [];
        dump.set(type.typeUrl, list);
        for (const [name, held] of type.held) {
          if (!('bytes' in held)) continue;
          const rejected = type.rejected.get(name);
          list.push({
            resource: held,
            status: rejected !== undefined ? 'rejected' : waiting.has(held) ? 'sent' : 'acked',
            detail: rejected?.detail ?? '',
          });
        }
      }
    }
    return dump;
  }

  /** Calls `progressed` whenever a watermark, a lag or a rejection changed or a proxy came or went. */
  onProgress(progressed: () => void): () => void {
    this.#watchers.add(progressed);
    return () => this.#watchers.delete(progressed);
  }

  close(): void {
    this.#unsubscribe();
    this.#turn?.cancel();
    this.encoder.stop();
  }

  // What the streams ask for.

  joined(stream: XdsStream): void {
    this.#streams.add(stream);
    this.#connected = undefined;
    this.progressed();
  }

  left(stream: XdsStream): void {
    this.#streams.delete(stream);
    this.#connected = undefined;
    this.#turns.delete(stream);
    this.progressed();
  }

  schedule(stream: XdsStream): void {
    this.#turns.add(stream);
    this.#turn ??= this.clock.setTimer(0, () => this.#takeTurns());
  }

  progressed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #changed(change: SnapshotChange): void {
    this.counts.snapshotMade(change.snapshot);
    for (const stream of this.#streams) stream.changed(change);
  }

  /** Serves streams until the turn is over; the rest waits for the next, so that the loop stays the traffic's. */
  #takeTurns(): void {
    this.#turn = undefined;
    const end = this.clock.now() + XDS_LIMITS.turnMs;
    for (const stream of this.#turns) {
      this.#turns.delete(stream);
      stream.guard(() => stream.pump());
      if (this.clock.now() >= end) break;
    }
    if (this.#turns.size > 0) this.#turn ??= this.clock.setTimer(0, () => this.#takeTurns());
  }
}
