// Serves a SecretSource as envoy.service.secret.v3.SecretDiscoveryService, both ways of it, for a real Envoy on the agent's Unix socket.

import type { Logger } from '#base';
import { TYPE_URL } from '#base';
import type { MethodHandler, ServerCall } from '#wire/grpc';
import { GRPC_STATUS, GrpcError } from '#wire/grpc';
import { SDS_NAMES_MAX } from '../limits.ts';
import { encodeSecret } from '../secret-message.ts';
import type { SecretSource, SecretValue } from '../secret-source.ts';

const SERVICE = '/envoy.service.secret.v3.SecretDiscoveryService';

/** Protobuf's runtime is loaded here only: a process with our own proxy never calls this. */
export async function makeSdsMethods(source: SecretSource, log: Logger): Promise<ReadonlyMap<string, MethodHandler>> {
  const { create, fromBinary, toBinary } = await import('@bufbuild/protobuf');
  const proto = await import('#proto/envoy/service/discovery/v3/discovery_pb.ts');
  const scoped = log.scope('sds');

  const state: MethodHandler = (call) => {
    let nonce = 0;
    const stream = new SdsStream(source, call, (changed, values) => {
      if (changed.every((name) => values.get(name)?.kind === 'error')) return;
      // State of the world: a response holds all that is subscribed to and known.
      const known = [...values].flatMap(([name, value]) =>
        value.kind === 'error' ? [] : [{ typeUrl: TYPE_URL.secret, value: encodeSecret(name, value) }],
      );
      const versionInfo = String(++nonce);
      call.send(
        toBinary(
          proto.DiscoveryResponseSchema,
          create(proto.DiscoveryResponseSchema, {
            versionInfo,
            nonce: versionInfo,
            typeUrl: TYPE_URL.secret,
            resources: known,
          }),
        ),
      );
    });
    return {
      onMessage: (bytes) => {
        const request = fromBinary(proto.DiscoveryRequestSchema, bytes);
        expectSecrets(request.typeUrl);
        if (request.errorDetail !== undefined)
          scoped.warn('secret rejected', { node: request.node?.id, reason: request.errorDetail.message });
        // An answer to anything but the newest response is out of date; its names are too.
        if (request.responseNonce !== '' && request.responseNonce !== String(nonce)) return;
        stream.setNames(new Set(request.resourceNames));
      },
      onHalfClose: () => call.end(),
      onDrain: () => stream.flush(),
      onClosed: () => stream.close(),
    };
  };

  const delta: MethodHandler = (call) => {
    let nonce = 0;
    const names = new Set<string>();
    const stream = new SdsStream(source, call, (changed, values) => {
      const resources = changed.flatMap((name) => {
        const value = values.get(name);
        return value === undefined || value.kind === 'error'
          ? []
          : [
              {
                name,
                version: value.version,
                resource: { typeUrl: TYPE_URL.secret, value: encodeSecret(name, value) },
              },
            ];
      });
      const removedResources = changed.filter((name) => values.get(name)?.kind === 'error');
      call.send(
        toBinary(
          proto.DeltaDiscoveryResponseSchema,
          create(proto.DeltaDiscoveryResponseSchema, {
            nonce: String(++nonce),
            typeUrl: TYPE_URL.secret,
            resources,
            removedResources,
          }),
        ),
      );
    });
    return {
      onMessage: (bytes) => {
        const request = fromBinary(proto.DeltaDiscoveryRequestSchema, bytes);
        expectSecrets(request.typeUrl);
        if (request.errorDetail !== undefined)
          scoped.warn('secret rejected', { node: request.node?.id, reason: request.errorDetail.message });
        for (const name of request.resourceNamesUnsubscribe) names.delete(name);
        for (const name of request.resourceNamesSubscribe) names.add(name);
        stream.setNames(names);
      },
      onHalfClose: () => call.end(),
      onDrain: () => stream.flush(),
      onClosed: () => stream.close(),
    };
  };

  return new Map([
    [`${SERVICE}/StreamSecrets`, state],
    [`${SERVICE}/DeltaSecrets`, delta],
  ]);
}

function expectSecrets(typeUrl: string): void {
  if (typeUrl === '' || typeUrl === TYPE_URL.secret) return;
  throw new GrpcError(GRPC_STATUS.invalidArgument, `this service has secrets only, not ${typeUrl}`);
}

type SendSecrets = (changed: readonly string[], values: ReadonlyMap<string, SecretValue>) => void;

/** The subscriptions of one stream. Only the newest value of a name waits for a slow reader. */
class SdsStream {
  readonly #source: SecretSource;
  readonly #call: ServerCall;
  readonly #send: SendSecrets;
  readonly #stops = new Map<string, () => void>();
  readonly #values = new Map<string, SecretValue>();
  readonly #changed = new Set<string>();
  #subscribing = false;

  constructor(source: SecretSource, call: ServerCall, send: SendSecrets) {
    this.#source = source;
    this.#call = call;
    this.#send = send;
  }

  setNames(names: ReadonlySet<string>): void {
    if (names.size > SDS_NAMES_MAX)
      throw new GrpcError(GRPC_STATUS.resourceExhausted, `more than ${SDS_NAMES_MAX} secrets on one stream`);
    for (const [name, stop] of this.#stops) {
      if (names.has(name)) continue;
      stop();
      this.#stops.delete(name);
      this.#values.delete(name);
      this.#changed.delete(name);
    }
    // What is known already leaves in one response.
    this.#subscribing = true;
    for (const name of names)
      if (!this.#stops.has(name))
        this.#stops.set(
          name,
          this.#source.subscribe(name, (value) => this.#take(name, value)),
        );
    this.#subscribing = false;
    this.flush();
  }

  flush(): void {
    if (this.#changed.size === 0 || this.#subscribing || !this.#call.open || !this.#call.writable) return;
    const changed = [...this.#changed];
    this.#changed.clear();
    this.#send(changed, this.#values);
  }

  close(): void {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }

  #take(name: string, value: SecretValue): void {
    this.#values.set(name, value);
    this.#changed.add(name);
    this.flush();
  }
}
