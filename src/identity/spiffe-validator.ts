// Roots by trust domain as Envoy's SPIFFE certificate validator takes them (envoy.tls.cert_validator.spiffe).

import type { Result } from '#base';
import { err, ok } from '#base';
import type { DataSource } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { CertificateValidationContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SPIFFECertValidatorConfig } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts';
import { decodeLight, ProtoWriter } from '#proto/light.ts';
import type { DomainRoots } from './domain-roots.ts';

const NAME = 'envoy.tls.cert_validator.spiffe';
const MESSAGE = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';
/** Field numbers of TypedExtensionConfig, Any, SPIFFECertValidatorConfig and its TrustDomain, and DataSource. */
const EXTENSION = { name: 1, config: 2 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;
const CONFIG = { trustDomains: 1 } as const;
const DOMAIN = { name: 1, bundle: 2 } as const;
const INLINE_BYTES = 2;

/** The TypedExtensionConfig of a validation context's `custom_validator_config`. */
export function encodeSpiffeValidator(bundles: readonly DomainRoots[]): Uint8Array {
  const config = new ProtoWriter(4096);
  for (const { trustDomain, rootsPem } of bundles) {
    const domain = new ProtoWriter(2048)
      .stringField(DOMAIN.name, trustDomain)
      .bytesField(DOMAIN.bundle, inline(rootsPem));
    config.bytesField(CONFIG.trustDomains, domain.finish());
  }
  const any = new ProtoWriter(4096)
    .stringField(ANY.typeUrl, `type.googleapis.com/${MESSAGE}`)
    .bytesField(ANY.value, config.finish());
  return new ProtoWriter(4096).stringField(EXTENSION.name, NAME).bytesField(EXTENSION.config, any.finish()).finish();
}

/** Undefined: there is no such validator. Another one, or bundles that are not inline, are an error: nobody else would check the peer. */
export function readSpiffeValidator(
  validation: CertificateValidationContext,
): Result<readonly DomainRoots[] | undefined, string> {
  const any = validation.customValidatorConfig?.typedConfig;
  if (validation.customValidatorConfig === undefined) return ok(undefined);
  if (any?.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1) !== MESSAGE)
    return err(`its custom_validator_config is ${any?.typeUrl ?? 'empty'}, not ${MESSAGE}`);
  const { trustDomains } = decodeLight(MESSAGE, any.value) as unknown as SPIFFECertValidatorConfig;
  const bundles: DomainRoots[] = [];
  for (const { name, trustBundle } of trustDomains) {
    const rootsPem = textOf(trustBundle);
    if (rootsPem === undefined) return err(`the trust_bundle of ${name} is not inline`);
    bundles.push({ trustDomain: name, rootsPem });
  }
  return bundles.length > 0 ? ok(bundles) : err('its custom_validator_config names no trust domain');
}

export function inline(pem: string): Uint8Array {
  return new ProtoWriter(pem.length + 8).bytesField(INLINE_BYTES, Buffer.from(pem, 'utf8')).finish();
}

export function textOf(source: DataSource | undefined): string | undefined {
  const specifier = source?.specifier;
  if (specifier?.case === 'inlineString') return specifier.value;
  if (specifier?.case === 'inlineBytes') return Buffer.from(specifier.value).toString('utf8');
  return undefined;
}
