// Gateways' certificates: Secrets named by `kubernetes://NAME`, sent on the ADS stream to those that may read them.
import { createHash } from 'node:crypto';
import { type Clock, type Logger, type ProxyNode, TYPE_URL, type XdsResource } from '#base';
import { encodeSecret, isGatewaySecretName, resolveGatewaySecret } from '#identity';
import type { Snapshot } from '#push';
import type { Wanted } from '#xds';

const NOTHING: ReadonlyMap<string, XdsResource> = new Map();

export class DiscoverySecrets {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Equal contents are the same map, so that the server need not look inside. */
  readonly #maps = new WeakMap<ProxyNode, { readonly key: string; readonly map: ReadonlyMap<string, XdsResource> }>();

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  of(snapshot: Snapshot, node: ProxyNode, wanted: Wanted | undefined): ReadonlyMap<string, XdsResource> {
    const names = [...(wanted?.names ?? [])].filter(isGatewaySecretName).sort();
    if (names.length === 0) return NOTHING;
    const resources = names.flatMap((name) => this.#resource(snapshot, node, name) ?? []);
    const key = resources.map((one) => `${one.name} ${one.version}`).join('\n');
    const known = this.#maps.get(node);
    if (known?.key === key) return known.map;
    const map = new Map(resources.map((one) => [one.name, one]));
    this.#maps.set(node, { key, map });
    return map;
  }

  #resource(snapshot: Snapshot, node: ProxyNode, name: string): XdsResource | undefined {
    const found = resolveGatewaySecret({
      name,
      principal: node.principal,
      proxyNamespace: node.metadata.NAMESPACE ?? '',
      nowMs: this.#clock.wallTime(),
      lookup: (namespace, secret) => snapshot.config.get('Secret', namespace, secret)?.spec,
    });
    if (!found.ok) {
      this.#log.warn('a gateway asks for a secret that it does not get', { proxy: node.id, secret: name, reason: found.error.message });
      return undefined;
    }
    const bytes = encodeSecret(name, found.value.value);
    return { typeUrl: TYPE_URL.secret, name, bytes, version: createHash('sha1').update(bytes).digest('base64url').slice(0, 16), origins: [found.value.origin] };
  }
}
