// Secrets that the control plane sends on the ADS stream (a gateway's `kubernetes://NAME`): asked for when somebody uses them.
import type { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { decodeLight } from '#proto/light.ts';
import { decodeSecret, type SecretSource, type SecretValue } from '#identity';
import type { Reject, XdsBatch } from '#xds';

const SECRET = 'envoy.extensions.transport_sockets.tls.v3.Secret';

export class RemoteSecrets implements SecretSource {
  readonly #values = new Map<string, SecretValue>();
  readonly #subscribers = new Map<string, Set<(value: SecretValue) => void>>();
  #onWants: ((names: ReadonlySet<string>) => void) | undefined = undefined;

  /** Called with all names that are wanted: now if there are any, and whenever that changes. */
  set onWants(asked: (names: ReadonlySet<string>) => void) {
    this.#onWants = asked;
    if (this.#subscribers.size > 0) this.#tell();
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    // One entry a subscription, even when the same function subscribes twice.
    const entry = (value: SecretValue): void => changed(value);
    const known = this.#subscribers.get(name);
    if (known === undefined) this.#subscribers.set(name, new Set([entry]));
    else known.add(entry);
    const value = this.#values.get(name);
    if (value !== undefined) changed(value);
    if (known === undefined) this.#tell();
    return () => this.#leave(name, entry);
  }

  apply(batch: XdsBatch): readonly Reject[] {
    const rejects: Reject[] = [];
    for (const { name, bytes } of batch.added) {
      try {
        this.#set(name, decodeSecret(decodeLight(SECRET, bytes) as Secret));
      } catch (error) {
        rejects.push({ name, detail: (error as Error).message });
      }
    }
    for (const name of batch.removed) {
      // A listener that still uses it goes on with what it has, as in Envoy: the one that takes its place may be waiting for another secret.
      if ((this.#values.get(name)?.kind ?? 'error') !== 'error') continue;
      this.#set(name, {
        kind: 'error',
        code: 'secret_not_found',
        message: `the control plane has no secret ${name}, or this proxy may not read it`,
      });
    }
    return rejects;
  }

  #set(name: string, value: SecretValue): void {
    // An answer that crossed the end of the last subscription: kept, it would be the first thing the next subscriber hears.
    const subscribers = this.#subscribers.get(name);
    if (subscribers === undefined) return;
    this.#values.set(name, value);
    for (const entry of [...subscribers]) entry(value);
  }

  #leave(name: string, entry: (value: SecretValue) => void): void {
    const entries = this.#subscribers.get(name);
    if (entries === undefined || !entries.delete(entry) || entries.size > 0) return;
    this.#subscribers.delete(name);
    this.#values.delete(name);
    this.#tell();
  }

  #tell(): void {
    this.#onWants?.(new Set(this.#subscribers.keys()));
  }
}
