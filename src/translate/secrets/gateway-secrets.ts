// Secrets of a gateway's servers, from core Secrets of the gateway's own namespace, and only for a proxy whose verified identity is of it.

import type { XdsResource } from '#base';
import { refOf } from '#config';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Snapshot } from '#push';
import type { CoreSecret } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { type Init, resource } from '../encode.ts';
import type { ProxyView } from '../proxy-view.ts';

const SCHEME = 'kubernetes://';
const CA_SUFFIX = '-cacert';

export function gatewaySecrets(
  names: Iterable<string>,
  snapshot: Snapshot,
  proxy: ProxyView,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const found = new Map<string, XdsResource>();
  if (proxy.verifiedNamespace !== proxy.namespace) return found;
  for (const name of names) {
    const made = secretOf(name, snapshot, proxy.namespace);
    if (made === undefined) continue;
    const { init, object } = made;
    found.set(
      name,
      cache.resource(['sds', name, object], () => resource(SecretSchema, name, init, [refOf(object)])),
    );
  }
  return found;
}

interface MadeSecret {
  readonly init: Init<typeof SecretSchema>;
  readonly object: CoreSecret;
}

function secretOf(name: string, snapshot: Snapshot, namespace: string): MadeSecret | undefined {
  const credential = name.slice(SCHEME.length);
  if (name.endsWith(CA_SUFFIX)) {
    const own = snapshot.config.get('Secret', namespace, credential);
    const object = own ?? snapshot.config.get('Secret', namespace, credential.slice(0, -CA_SUFFIX.length));
    const roots = object === undefined ? undefined : bytesOf(object, 'ca.crt', 'cacert');
    if (object === undefined || roots === undefined) return undefined;
    const crl = bytesOf(object, 'ca.crl', 'crl');
    return {
      object,
      init: {
        name,
        type: {
          case: 'validationContext',
          value: { trustedCa: inline(roots), ...(crl === undefined ? {} : { crl: inline(crl) }) },
        },
      },
    };
  }
  const object = snapshot.config.get('Secret', namespace, credential);
  if (object === undefined) return undefined;
  const chain = bytesOf(object, 'tls.crt', 'cert');
  const key = bytesOf(object, 'tls.key', 'key');
  if (chain === undefined || key === undefined) return undefined;
  return {
    object,
    init: {
      name,
      type: { case: 'tlsCertificate', value: { certificateChain: inline(chain), privateKey: inline(key) } },
    },
  };
}

function bytesOf(object: CoreSecret, ...keys: readonly string[]): Uint8Array<ArrayBuffer> | undefined {
  for (const key of keys) {
    const text = object.spec.data?.[key];
    if (text !== undefined && text !== '') return new Uint8Array(Buffer.from(text, 'base64'));
  }
  return undefined;
}

function inline(value: Uint8Array<ArrayBuffer>) {
  return { specifier: { case: 'inlineBytes' as const, value } };
}
