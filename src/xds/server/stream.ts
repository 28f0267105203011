// One xDS stream: its requests, the answers to them, and the pushes that follow new snapshots.
import { type Clock, type ProxyNode, type ResourceSet, TYPE_URL, type XdsResource } from '#base';
import type { GrpcStatus, ServerCall, ServerCallHandler } from '#wire/grpc';
import type { XdsVariant } from '../codec/response.ts';
import { XDS_ERRORS, xdsError } from '../errors.ts';
import { HEALTH_TYPE } from '../health-type.ts';
import { XDS_LIMITS } from '../limits.ts';
import { requestAdmission } from './admission.ts';
import type { ProxyResources, SnapshotChange, Wanted } from './backend.ts';
import { guarded } from './guarded.ts';
import { PushSequence, stillStarting } from './push-sequence.ts';
import { originsOf, type ProxySync, proxySync } from './status.ts';
import type { StreamHost } from './stream-host.ts';
import { readStreamRequest, type StreamRequest } from './stream-request.ts';
import { isFullStateType, type SubscriptionChange } from './subscription.ts';
import { NO_RESOURCES } from './resource-difference.ts';
import { TypeState } from './type-state.ts';

export class XdsStream implements ServerCallHandler {
  readonly clock: Clock;
  readonly types = new Map<string, TypeState>();
  readonly #call: ServerCall;
  readonly #host: StreamHost;
  readonly #variant: XdsVariant;
  readonly #onlyType: string | undefined;
  readonly #sequence: PushSequence;
  readonly #connectedAtMs: number;
  #node: ProxyNode | undefined;
  #authorizing = false;
  #early: StreamRequest[] = [];
  #target: ProxyResources | undefined;
  #endpointsStale = false;
  #dirty = false;
  #pendingEndpoints = new Set<string>();
  #synced = -1;
  #watermark = -1;
  #laggingStep = '';
  #rejected = false;
  #nonce = 0;

  constructor(call: ServerCall, variant: XdsVariant, onlyType: string | undefined, host: StreamHost) {
    this.#call = call;
    this.#variant = variant;
    this.#onlyType = onlyType;
    this.#host = host;
    this.clock = host.clock;
    this.#connectedAtMs = host.clock.wallTime();
    this.#sequence = new PushSequence(this);
  }

  get node(): ProxyNode | undefined {
    return this.#node;
  }

  get watermark(): number {
    return this.#watermark;
  }

  get writable(): boolean {
    return this.#call.writable;
  }

  get rejected(): boolean {
    return this.#rejected;
  }

  get resources(): ResourceSet | undefined {
    return this.#target?.resources;
  }

  onMessage(bytes: Uint8Array): void {
    const request = readStreamRequest(this.#variant, bytes, this.#host.repeated);
    if (this.#node !== undefined) this.#handle(request, this.#node);
    else if (this.#authorizing) this.#keepEarly(request);
    else {
      this.#authorizing = true;
      this.#keepEarly(request);
      requestAdmission(request.node, this.#call, this.#host, (node) => this.#admit(node));
    }
  }

  onHalfClose(): void {
    this.#call.end();
  }

  onDrain(): void {
    this.#payOwed();
    this.#continue();
  }

  onClosed(status: GrpcStatus): void {
    this.#sequence.stop();
    if (this.#node === undefined) return;
    this.#host.left(this);
    const reason = status.message === '' ? 'the client ended the stream' : status.message;
    this.#host.backend.disconnected?.(this.#node, { peer: this.#call.peer.address, reason });
  }

  /** A new snapshot is there. */
  changed(change: SnapshotChange): void {
    if (this.#node === undefined) return;
    if (change.kind === 'endpoints') {
      this.#endpointsStale = true;
      const type = this.types.get(TYPE_URL.endpoint);
      for (const name of change.names) if (type?.wants(name) === true) this.#pendingEndpoints.add(name);
    } else if (this.#host.backend.concerns?.(this.#node, change.snapshot) !== false) {
      this.#dirty = true;
    }
    if (this.#dirty || this.#pendingEndpoints.size > 0) this.#host.schedule(this);
    else if (!this.#sequence.running) this.#reach(change.snapshot);
  }

  /** Ends this stream, and nothing else, when something fails outside of a request. */
  guard(action: () => void): void {
    guarded(this.#call, this.#host.log, this.#node?.id, action);
  }

  /** Pushes what is due; called by the server when it is this stream's turn. */
  pump(): void {
    const node = this.#node;
    if (node === undefined || !this.#call.writable) return;
    this.#pushEndpoints(node);
    if (!this.#dirty || this.#sequence.running) return;
    this.#dirty = false;
    const previous = this.#target?.resources;
    if (this.types.size === 0) {
      this.#target = undefined;
      return;
    }
    this.#fetch(node);
    this.#rejected = false;
    this.#sequence.start(previous);
  }

  status(): ProxySync | undefined {
    if (this.#node === undefined) return undefined;
    return proxySync(this.#node, this.types.values(), {
      variant: this.#variant,
      connectedAtMs: this.#connectedAtMs,
      watermark: this.#watermark,
      lagging: this.#laggingStep,
    });
  }

  // What the push sequence asks for.

  all(typeUrl: string): ReadonlyMap<string, XdsResource> {
    if (typeUrl === TYPE_URL.endpoint && this.#endpointsStale && this.#target !== undefined) {
      this.#useEndpoints(this.#host.backend.endpoints(this.#node as ProxyNode));
    }
    return this.#target?.resources.get(typeUrl) ?? NO_RESOURCES;
  }

  send(type: TypeState, changed: readonly XdsResource[], removed: readonly string[], keepGone: boolean): void {
    if (this.#variant === 'sotw' && isFullStateType(type.typeUrl))
      this.#transmit(type, type.fullState(this.all(type.typeUrl), keepGone), removed);
    else if (this.#variant === 'delta' || changed.length > 0) this.#transmit(type, changed, removed);
    for (const name of removed) type.forget(name);
  }

  lagging(step: string): void {
    this.#laggingStep = step;
    this.#host.log.warn('a proxy does not acknowledge', { node: this.#node?.id, step, afterMs: XDS_LIMITS.stepMs });
    this.#host.progressed(this);
  }

  finished(): void {
    // Snapshots that came meanwhile and do not concern this proxy count as reached.
    const reached = this.#dirty ? (this.#target?.snapshot ?? -1) : this.#host.backend.snapshot();
    this.#synced = Math.max(this.#synced, reached);
    this.#settle();
    if (this.#dirty) this.#host.schedule(this);
  }

  #keepEarly(request: StreamRequest): void {
    if (this.#early.length >= XDS_LIMITS.typesMax) throw xdsError(XDS_ERRORS.tooManyTypes);
    this.#early.push(request);
  }

  #admit(node: ProxyNode): void {
    this.#node = node;
    this.#authorizing = false;
    this.#host.backend.connected?.(node);
    this.#host.joined(this);
    const early = this.#early;
    this.#early = [];
    this.guard(() => {
      for (const request of early) this.#handle(request, node);
    });
  }

  #handle(request: StreamRequest, node: ProxyNode): void {
    const typeUrl = request.typeUrl === '' ? (this.#onlyType ?? '') : request.typeUrl;
    if (typeUrl === '') throw xdsError(XDS_ERRORS.noType);
    if (this.#onlyType !== undefined && typeUrl !== this.#onlyType) throw xdsError(XDS_ERRORS.wrongType, typeUrl);
    if (typeUrl === HEALTH_TYPE) {
      this.#host.backend.health?.(node, request.error?.message);
      return;
    }
    const known = this.types.get(typeUrl);
    if (known !== undefined && request.nonce !== '') {
      const current = request.nonce === known.lastNonce;
      this.#answer(known, request, node);
      // State of the world: only the answer to the newest response says what is wanted now.
      if (this.#variant === 'sotw' && !current) {
        this.#continue();
        return;
      }
    }
    const type = known ?? this.#open(typeUrl, request);
    this.#subscribe(type, request, known === undefined);
    this.#payOwed();
    this.#continue();
  }

  #open(typeUrl: string, request: StreamRequest): TypeState {
    if (this.types.size >= XDS_LIMITS.typesMax) throw xdsError(XDS_ERRORS.tooManyTypes);
    const type = new TypeState(typeUrl);
    this.types.set(typeUrl, type);
    if (request.initialVersions !== undefined)
      for (const [name, version] of request.initialVersions) type.setHeld(name, { version });
    return type;
  }

  #subscribe(type: TypeState, request: StreamRequest, first: boolean): void {
    const change = request.fold(type.typeUrl, first ? undefined : type.subscription);
    const restart = !first && this.#variant === 'sotw' && request.nonce === '';
    this.#checkNames(type, change);
    if (this.#target === undefined) this.#fetch(this.#node as ProxyNode);
    type.subscribe(change.next, this.#target?.resources.get(type.typeUrl));
    const asked = restart ? [...change.next.names] : [...change.asked];
    for (const name of change.dropped) {
      // The client no longer knows whether the wildcard covers the name: tell it again.
      if (type.wants(name)) asked.push(name);
      else type.forget(name);
    }
    if (first || restart || change.wildcardBegan || asked.length > 0)
      this.#reply(type, first || restart || change.wildcardBegan, asked, first);
  }

  #checkNames(type: TypeState, change: SubscriptionChange): void {
    let names = change.next.names.size - type.subscription.names.size;
    for (const other of this.types.values()) names += other.subscription.names.size;
    if (names > XDS_LIMITS.namesMax || change.asked.some((n) => n.length > XDS_LIMITS.nameLengthMax))
      throw xdsError(XDS_ERRORS.tooManyNames);
  }

  /** Answers a subscription from the snapshot that the stream is at. */
  #reply(type: TypeState, everything: boolean, asked: readonly string[], first: boolean): void {
    if (!this.#call.writable || !type.canSend) {
      for (const name of everything ? ['*', ...asked] : asked) type.owed.add(name);
      return;
    }
    const all = this.#lookUp(type, asked);
    const list = everything ? type.changed(all) : [];
    const listed = new Set(list);
    const missing: string[] = [];
    for (const name of asked) {
      const resource = all.get(name);
      const reported = first && resource !== undefined && type.held.get(name)?.version === resource.version;
      if (resource === undefined) missing.push(name);
      else if (!listed.has(resource) && !reported) list.push(resource);
    }
    if (this.#variant === 'delta') {
      const removed = first ? [...new Set([...missing, ...type.gone(all)])] : missing;
      for (const name of removed) type.forget(name);
      if (list.length > 0 || removed.length > 0 || (everything && type.subscription.wildcard))
        this.#transmit(type, list, removed);
    } else if (isFullStateType(type.typeUrl)) {
      this.#transmit(type, type.fullState(all, true), []);
    } else if (list.length > 0 || type.subscription.wildcard) {
      this.#transmit(type, list, []);
    }
  }

  /** All of a type; asks the backend again when a name is missing, because some resources are made only when asked for. */
  #lookUp(type: TypeState, asked: readonly string[]): ReadonlyMap<string, XdsResource> {
    const all = this.all(type.typeUrl);
    if (asked.every((name) => all.has(name))) return all;
    const fresh = this.#host.backend.resources(this.#node as ProxyNode, this.#wanted());
    if (fresh.snapshot === this.#target?.snapshot) {
      this.#target = fresh;
      return fresh.resources.get(type.typeUrl) ?? NO_RESOURCES;
    }
    // A newer snapshot is there and will be pushed in its order; only the names that are asked for are taken from it.
    this.#dirty = true;
    this.#host.schedule(this);
    const merged = new Map(all);
    for (const name of asked) {
      const resource = fresh.resources.get(type.typeUrl)?.get(name);
      if (resource !== undefined && !merged.has(name)) merged.set(name, resource);
    }
    return merged;
  }

  #transmit(type: TypeState, list: readonly XdsResource[], removed: readonly string[]): void {
    const snapshot = this.#target?.snapshot ?? this.#host.backend.snapshot();
    const [nonce, version] = [(++this.#nonce).toString(36), String(snapshot)];
    type.sent({ nonce, snapshot, resources: list }, version, this.#target?.resources.get(type.typeUrl) ?? NO_RESOURCES);
    this.#host.counts.pushed(type.typeUrl);
    this.#call.send(
      ...this.#host.encoder.encode(this.#variant, { typeUrl: type.typeUrl, version, nonce }, list, removed),
    );
  }

  #answer(type: TypeState, request: StreamRequest, node: ProxyNode): void {
    const answer = type.answer(request.nonce, request.error?.message, this.clock.wallTime());
    if (answer === 'stale' || answer === 'acked') return;
    this.#rejected = true;
    const origins = originsOf(answer.rejected);
    const detail = (request.error?.message ?? '').slice(0, XDS_LIMITS.detailMax);
    this.#host.log.warn('a proxy rejected configuration', { node: node.id, type: type.typeUrl, detail });
    this.#host.backend.rejected?.({
      node,
      typeUrl: type.typeUrl,
      snapshot: answer.snapshot,
      names: answer.rejected.map((r) => r.name),
      origins,
      detail,
    });
    this.#host.progressed(this);
  }

  /** Sends what could not be sent when it was asked for; only the latest state. */
  #payOwed(): void {
    for (const type of this.types.values()) {
      if (type.owed.size === 0 || !type.canSend || !this.#call.writable) continue;
      const everything = type.owed.delete('*');
      const asked = [...type.owed].filter((name) => type.wants(name));
      type.owed.clear();
      this.#reply(type, everything, asked, false);
    }
  }

  /** Endpoints alone change nothing that needs an order: they go at once, also in the middle of a push. */
  #pushEndpoints(node: ProxyNode): void {
    const type = this.types.get(TYPE_URL.endpoint);
    if (this.#pendingEndpoints.size === 0 || type === undefined || type.outstanding.length > 0) return;
    const names = this.#pendingEndpoints;
    this.#pendingEndpoints = new Set();
    const all = this.#host.backend.endpoints(node);
    const { list, removed } = type.differences(names, all);
    if (list.length > 0 || (removed.length > 0 && this.#variant === 'delta')) this.#transmit(type, list, removed);
    for (const name of removed) type.forget(name);
    if (this.#sequence.running) return;
    this.#useEndpoints(all);
    if (!this.#dirty) this.#reach(this.#host.backend.snapshot());
  }

  /** From here on the stream is at these endpoints; once it has them, it shares the map instead of noting each. */
  #useEndpoints(all: ReadonlyMap<string, XdsResource>): void {
    if (this.#target === undefined) return;
    this.#endpointsStale = false;
    const resources = new Map(this.#target.resources).set(TYPE_URL.endpoint, all);
    this.#target = { snapshot: this.#target.snapshot, resources };
  }

  #continue(): void {
    this.#sequence.poke();
    this.#settle();
    if (this.#pendingEndpoints.size > 0 || (this.#dirty && !this.#sequence.running)) this.#host.schedule(this);
  }

  #reach(snapshot: number): void {
    this.#synced = Math.max(this.#synced, snapshot);
    this.#settle();
  }

  /** Moves the watermark when everything that was sent is acknowledged. */
  #settle(): void {
    if (this.#sequence.running || this.#rejected || this.#pendingEndpoints.size > 0 || this.types.size === 0) return;
    for (const type of this.types.values()) if (type.outstanding.length > 0 || type.owed.size > 0) return;
    if (stillStarting(this.types, this.#target?.resources)) return;
    for (const type of this.types.values()) type.settled(this.#target?.resources.get(type.typeUrl));
    if (this.#watermark >= this.#synced && this.#laggingStep === '') return;
    if (this.#watermark < this.#synced) this.#host.counts.converged(this.#synced);
    this.#watermark = Math.max(this.#watermark, this.#synced);
    this.#laggingStep = '';
    this.#host.progressed(this);
  }

  #fetch(node: ProxyNode): void {
    const first = this.#target === undefined;
    this.#target = this.#host.backend.resources(node, this.#wanted());
    this.#endpointsStale = false;
    if (first) this.#synced = Math.max(this.#synced, this.#target.snapshot);
  }

  #wanted(): ReadonlyMap<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const [typeUrl, type] of this.types) wanted.set(typeUrl, type.subscription);
    return wanted;
  }
}
