// Test helper: an xDS client that answers when it is told to, and remembers the order of everything.
import { type FakeClock, SeededRandom, TYPE_URL, type XdsResource } from '#base';
import { type ClientCall, GrpcChannel, GrpcServer, type GrpcStatus, type MemoryLink, memoryLink } from '#wire/grpc';
import type { DiscoveryResponse, XdsNode } from '../codec/messages.ts';
import { encodeDeltaRequest, encodeDiscoveryRequest } from '../codec/request.ts';
import { decodeResponse, type XdsVariant } from '../codec/response.ts';
import type { XdsServer } from '../server/server.ts';

export const SHORT = {
  CDS: TYPE_URL.cluster,
  EDS: TYPE_URL.endpoint,
  LDS: TYPE_URL.listener,
  RDS: TYPE_URL.route,
  SDS: TYPE_URL.secret,
  ECDS: TYPE_URL.extensionConfig,
} as const;
export type Short = keyof typeof SHORT;

export function resource(short: Short, name: string, version = '1', origin?: string): XdsResource {
  const origins = origin === undefined ? [] : [{ kind: 'VirtualService', namespace: 'default', name: origin }];
  return {
    typeUrl: SHORT[short],
    name,
    bytes: new TextEncoder().encode(`\n${String.fromCharCode(name.length)}${name}\x12\x01${version}`),
    version,
    origins,
  };
}

export class FakeXdsClient {
  readonly link: MemoryLink;
  /** 'CDS +a,b -c' per response, in order of arrival. */
  readonly log: string[] = [];
  /** Answers at once while true. */
  autoAck = true;
  status: GrpcStatus | undefined;
  readonly #clock: FakeClock;
  readonly #variant: XdsVariant;
  readonly #node: XdsNode;
  readonly #call: ClientCall;
  readonly #unanswered: { readonly short: Short; readonly response: DiscoveryResponse }[] = [];
  readonly #names = new Map<Short, readonly string[]>();
  readonly #held = new Map<Short, Set<string>>();
  readonly #versions = new Map<Short, string[]>();
  readonly #rejected = new Set<Short>();
  readonly #nonces = new Map<Short, string>();
  #first = true;

  constructor(
    server: XdsServer,
    clock: FakeClock,
    options: { readonly variant: XdsVariant; readonly id?: string; readonly metadata?: Record<string, unknown> },
  ) {
    this.#clock = clock;
    this.#variant = options.variant;
    this.#node = {
      id: options.id ?? 'sidecar~10.0.0.1~web.default~default.svc.cluster.local',
      cluster: '',
      metadata: options.metadata ?? {},
      locality: { region: '', zone: '', subZone: '' },
      userAgent: 'fake/1',
    };
    const grpc = new GrpcServer({ clock });
    server.register(grpc);
    this.link = memoryLink({ clock, accept: (stream) => grpc.accept(stream) });
    const method = options.variant === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
    const channel = new GrpcChannel({ dialer: this.link.dialer, clock, random: new SeededRandom(3), keepaliveMs: 0 });
    this.#call = channel.openStream(`/envoy.service.discovery.v3.AggregatedDiscoveryService/${method}`, {
      onMessage: (bytes) => this.#receive(decodeResponse(this.#variant, bytes)),
      onStatus: (status) => {
        this.status = status;
      },
    });
  }

  held(short: Short): string[] {
    return [...(this.#held.get(short) ?? [])].sort();
  }

  /** Versions of a type's resources in order of arrival: the text after the name in their bytes. */
  versions(short: Short): string[] {
    return this.#versions.get(short) ?? [];
  }

  /** Whether the newest response of a type was rejected. */
  rejectedLast(short: Short): boolean {
    return this.#rejected.has(short);
  }

  waiting(): Short[] {
    return this.#unanswered.map((u) => u.short);
  }

  /** Asks for exactly these names, as a client does after its clusters changed. */
  follow(short: Short, names: readonly string[]): void {
    const before = this.#names.get(short) ?? [];
    const added = names.filter((n) => !before.includes(n));
    const gone = before.filter((n) => !names.includes(n));
    if (added.length === 0 && gone.length === 0) return;
    for (const name of gone) this.#held.get(short)?.delete(name);
    this.#names.set(short, names);
    this.#request(short, {
      names: this.#variant === 'delta' ? added : names,
      unsubscribe: gone,
      initial: {},
      nonce: this.#variant === 'delta' ? '' : (this.#nonces.get(short) ?? ''),
    });
  }

  sendRaw(bytes: Uint8Array): void {
    this.#call.send(bytes);
  }

  /** Forgets the log and returns it. */
  take(): string[] {
    this.#clock.advance(0);
    return this.log.splice(0);
  }

  subscribe(
    short: Short,
    names: readonly string[] = [],
    unsubscribe: readonly string[] = [],
    initial: Readonly<Record<string, string>> = {},
  ): this {
    const before = this.#names.get(short) ?? [];
    const all = [...new Set([...before.filter((n) => !unsubscribe.includes(n)), ...names])];
    this.#names.set(short, all);
    this.#request(short, { names: this.#variant === 'delta' ? names : all, unsubscribe, initial, nonce: '' });
    return this;
  }

  /** State of the world: names go along with an acknowledgement. */
  want(short: Short, names: readonly string[]): void {
    this.#names.set(short, names);
  }

  /** Answers the oldest unanswered response of a type; with `error`, rejects it. */
  answer(short: Short, error?: string): void {
    const at = this.#unanswered.findIndex((u) => u.short === short);
    if (at < 0) throw new Error(`nothing of ${short} to answer`);
    const [entry] = this.#unanswered.splice(at, 1);
    if (error !== undefined) this.#rejected.add(short);
    this.#request(short, {
      names: this.#variant === 'delta' ? [] : (this.#names.get(short) ?? []),
      unsubscribe: [],
      initial: {},
      nonce: entry?.response.nonce ?? '',
      error,
    });
  }

  answerAll(): void {
    while (this.#unanswered[0] !== undefined) this.answer(this.#unanswered[0].short);
  }

  close(): void {
    this.#call.cancel();
  }

  #receive(response: DiscoveryResponse): void {
    const short = (Object.keys(SHORT) as Short[]).find((s) => SHORT[s] === response.typeUrl) as Short;
    const names = response.resources.map((r) => r.name);
    this.log.push(
      `${short}${names.length > 0 ? ` +${names.join(',')}` : ''}${response.removed.length > 0 ? ` -${response.removed.join(',')}` : ''}`,
    );
    const full = this.#variant === 'sotw' && (short === 'CDS' || short === 'LDS');
    const held = full ? new Set<string>() : (this.#held.get(short) ?? new Set<string>());
    for (const name of names) held.add(name);
    for (const name of response.removed) held.delete(name);
    this.#held.set(short, held);
    this.#nonces.set(short, response.nonce);
    this.#rejected.delete(short);
    for (const r of response.resources)
      this.#versions.set(short, [
        ...(this.#versions.get(short) ?? []),
        new TextDecoder().decode(r.bytes).slice(r.name.length + 4),
      ]);
    this.#unanswered.push({ short, response });
    if (this.autoAck) this.answerAll();
  }

  #request(
    short: Short,
    r: {
      names: readonly string[];
      unsubscribe: readonly string[];
      initial: Readonly<Record<string, string>>;
      nonce: string;
      error?: string | undefined;
    },
  ): void {
    const node = this.#first ? this.#node : undefined;
    this.#first = false;
    const errorDetail = r.error === undefined ? undefined : { code: 13, message: r.error };
    const typeUrl = SHORT[short];
    if (this.#variant === 'delta') {
      this.#call.send(
        encodeDeltaRequest({
          node,
          typeUrl,
          subscribe: r.names,
          unsubscribe: r.unsubscribe,
          initialVersions: new Map(Object.entries(r.initial)),
          responseNonce: r.nonce,
          errorDetail,
        }),
      );
    } else {
      this.#call.send(
        encodeDiscoveryRequest({
          versionInfo: '',
          node,
          resourceNames: r.names,
          typeUrl,
          responseNonce: r.nonce,
          errorDetail,
        }),
      );
    }
  }
}
