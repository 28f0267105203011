// What one CommonTlsContext needs of keys and trust: certificate and roots by secret name, from files or
// inline, put together anew whenever one of them changes. Fails closed while one is missing (design 8).

import { METADATA_EXCHANGE, type PeerCheck, type TlsContext, type TlsFacts } from '#base';
import {
  type CertificatePins,
  type CertificateSecret,
  certificatePins,
  fileCertificateName,
  fileRootsName,
  makePeerCheck,
  MESH_ROOTS,
  pinsKey,
  readCertificateSecret,
  readSpiffeValidator,
  readTrustSecret,
  rootsWithoutList,
  type SanMatcher,
  sanMatchersKey,
  type SecretValue,
  type TrustSecret,
  WORKLOAD_CERTIFICATE,
} from '#identity';
import type { DataSource } from '#proto/envoy/config/core/v3/base_pb.ts';
import type {
  CertificateValidationContext,
  TlsCertificate,
} from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SdsSecretConfig } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { CommonTlsContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { decodeMessage } from '../apply/decode.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import { ConfigError } from '../errors.ts';
import type { ProxyServices } from '../services.ts';
import { cipherList, protocolVersion } from './tls-parameters.ts';
import { readSanMatchers } from './san-matchers.ts';
import { loggedCheck } from './refusal-log.ts';
import { standingCheck } from './standing-check.ts';

const COMMON = 'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext';
const UNTRUSTING: TrustSecret = { kind: 'trust', rootsPem: '', crlPem: '', version: '' };

export class TlsMaterial {
  readonly alpn: readonly string[];
  context!: TlsContext;
  check!: PeerCheck;
  checkKey = '';
  version = '';
  ready = false;
  /** Called after every change of what is trusted. */
  onTrust: (() => void) | undefined = undefined;
  #standing: PeerCheck | undefined = undefined;
  #checkOfAnyName: PeerCheck | undefined = undefined;
  readonly #common: CommonTlsContext;
  readonly #peerIs: 'client' | 'server';
  readonly #required: boolean;
  readonly #services: ProxyServices;
  readonly #subscriptions: (() => void)[] = [];
  readonly #sans: readonly SanMatcher[];
  readonly #pins: CertificatePins | undefined;
  readonly #leafCrlOnly: boolean;
  readonly #needsCertificate: boolean;
  readonly #needsTrust: boolean;
  #certificate: CertificateSecret | undefined = undefined;
  /** Servers may have further ones, of other kinds of keys: by their place in the list. */
  readonly #more = new Map<string, CertificateSecret>();
  #trust: TrustSecret | undefined = undefined;
  #certificateName = '';
  readonly #moreNames = new Set<string>();
  readonly #unheard = new Set<string>();
  #isOfWorkload = true;

  /** `required`: a peer without certificate is refused (clients always refuse such servers). */
  constructor(
    given: CommonTlsContext | undefined,
    peerIs: 'client' | 'server',
    required: boolean,
    services: ProxyServices,
    field: string,
  ) {
    if (given === undefined && peerIs === 'client')
      throw new ConfigError('proxy.field-required', `${field}.common_tls_context`);
    const common = given ?? decodeMessage<CommonTlsContext>(COMMON, new Uint8Array(0), field);
    this.#common = common;
    this.#peerIs = peerIs;
    this.#required = required;
    this.#services = services;
    this.alpn = common.alpnProtocols.filter((name) => name !== METADATA_EXCHANGE);
    const validation = validationOf(common);
    const warn = tlsWarning(services);
    tellUnread('CommonTlsContext', common, `${field}.common_tls_context`, warn);
    tellUnread('TlsParameters', common.tlsParams, `${field}.common_tls_context.tls_params`, warn);
    tellUnread('CertificateValidationContext', validation.inline, `${field}.validation_context`, warn);
    for (const own of common.tlsCertificates)
      tellUnread('TlsCertificate', own, `${field}.common_tls_context.tls_certificates`, warn);
    this.#sans = readSanMatchers(validation.inline, field);
    this.#pins = readPins(validation.inline, field);
    this.#leafCrlOnly = validation.inline?.onlyVerifyLeafCertCrl ?? false;
    const certificate = common.tlsCertificateSdsSecretConfigs[0];
    this.#needsCertificate = certificate !== undefined || common.tlsCertificates.length > 0;
    const inlineTrust =
      validation.inline?.trustedCa !== undefined || validation.inline?.customValidatorConfig !== undefined;
    this.#needsTrust = validation.sds !== undefined || inlineTrust;
    if (this.#pins !== undefined && !this.#needsTrust)
      throw new ConfigError('proxy.unsupported', `${field}.common_tls_context`, 'give trusted_ca beside the hashes');
    if (this.#sans.length > 0 && !this.#needsTrust)
      throw new ConfigError('proxy.field-required', `${field}.validation_context.trusted_ca`);
    if (certificate !== undefined) this.#followCertificate(certificate.name);
    else if (common.tlsCertificates[0] !== undefined) this.#takeCertificate(common.tlsCertificates[0], field);
    if (peerIs === 'client') this.#takeMore(common, field);
    if (peerIs === 'client' && !this.#needsCertificate)
      throw new ConfigError('proxy.field-required', `${field}.common_tls_context.tls_certificates`);
    if (validation.sds !== undefined) this.#follow(validation.sds.name);
    else if (validation.inline !== undefined && inlineTrust) this.#takeTrust(validation.inline, field);
    if (validation.sds !== undefined && validation.inline?.customValidatorConfig !== undefined)
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.combined_validation_context.default_validation_context.custom_validator_config`,
        'give the trust domains in the secret',
      );
    this.#build();
  }

  /** Every secret came, or an error in its place: waiting changes nothing. */
  get settled(): boolean {
    return this.#unheard.size === 0;
  }

  /** Of secrets, it follows those alone that agents serve by themselves. */
  get isOfWorkload(): boolean {
    return this.#isOfWorkload;
  }

  get localPrincipal(): string {
    return this.#certificate?.spiffeId ?? '';
  }

  /** Why a peer that was verified by this would no longer be; undefined: it would, or nothing is known. */
  faultOf(facts: TlsFacts): string | undefined {
    const trust = this.#trust;
    const leaf = facts.peerCertificate;
    if (trust === undefined || leaf === undefined || facts.peer.kind !== 'verified') return undefined;
    this.#standing ??= standingCheck(trust, this.#leafCrlOnly, this.#peerIs, this.#services);
    const verdict = this.#standing({ chain: [leaf], resumed: true, sni: '' });
    return verdict.ok ? undefined : verdict.reason;
  }

  /** Servers ask for a certificate when there is something to judge it by, or when they insist. */
  get asksForCertificate(): boolean {
    return this.#required || this.#needsTrust;
  }

  /** The check for whom somebody else names: configured names ask for nothing. */
  get checkOfAnyName(): PeerCheck {
    return (this.#checkOfAnyName ??= this.#makeCheck([]));
  }

  /** Equal texts ask the same of the peer. */
  get securityClass(): string {
    const common = this.#common;
    const names = common.tlsCertificateSdsSecretConfigs.map((c) => c.name).join();
    return `tls required=${this.#required} cert=${names} trust=${validationOf(common).sds?.name ?? ''} sans=${sanMatchersKey(this.#sans)} pins=${pinsKey(this.#pins)} alpn=${this.alpn.join()}`;
  }

  dispose(): void {
    for (const end of this.#subscriptions.splice(0)) end();
  }

  #followCertificate(name: string): void {
    this.#certificateName = name;
    this.#follow(name);
  }

  #follow(name: string): void {
    this.#unheard.add(name);
    if (name !== WORKLOAD_CERTIFICATE && name !== MESH_ROOTS) this.#isOfWorkload = false;
    this.#subscriptions.push(
      this.#services.secrets.subscribe(name, (value) => {
        this.#unheard.delete(name);
        const before = this.#trust;
        this.#take(value, name);
        this.#build();
        if (before === undefined || before.version === this.#trust?.version) return;
        this.#standing = undefined;
        this.onTrust?.();
      }),
    );
  }

  #take(value: SecretValue, name: string): void {
    if (this.#moreNames.has(name)) {
      if (value.kind === 'certificate') this.#more.set(name, value);
      else this.#more.delete(name);
    } else if (value.kind === 'certificate') this.#certificate = value;
    else if (value.kind === 'trust') this.#trust = value;
    else {
      this.#services.log.warn('a secret is not usable', { name, code: value.code, reason: value.message });
      if (name === this.#certificateName) this.#certificate = undefined;
      else this.#trust = undefined;
    }
  }

  #takeCertificate(certificate: TlsCertificate, field: string): void {
    const chain = certificate.certificateChain?.specifier;
    const key = certificate.privateKey?.specifier;
    if (chain?.case === 'filename' && key?.case === 'filename')
      return this.#followCertificate(fileCertificateName(chain.value, key.value));
    this.#certificate = readInline(certificate, field);
  }

  /** All but the first: each is shown once it is there, and nothing waits for it. */
  #takeMore({ tlsCertificateSdsSecretConfigs: named, tlsCertificates }: CommonTlsContext, field: string): void {
    for (const { name } of named.slice(1)) {
      if (name === this.#certificateName || this.#moreNames.has(name)) continue;
      this.#moreNames.add(name);
      this.#follow(name);
    }
    if (named.length > 0) return;
    for (const [i, own] of tlsCertificates.slice(1).entries()) {
      const chain = own.certificateChain?.specifier;
      const key = own.privateKey?.specifier;
      if (chain?.case === 'filename' && key?.case === 'filename') {
        const name = fileCertificateName(chain.value, key.value);
        this.#moreNames.add(name);
        this.#follow(name);
      } else this.#more.set(`inline ${i}`, readInline(own, field));
    }
  }

  #takeTrust(validation: CertificateValidationContext, field: string): void {
    const bundles = readSpiffeValidator(validation);
    if (!bundles.ok) throw new ConfigError('proxy.field-invalid', `${field}.custom_validator_config`, bundles.error);
    const roots = validation.trustedCa?.specifier;
    if (roots?.case === 'filename' && bundles.value === undefined) return this.#follow(fileRootsName(roots.value));
    const crl = validation.crl === undefined ? '' : inlineText(validation.crl, `${field}.crl`);
    const pem = bundles.value === undefined ? inlineText(validation.trustedCa, `${field}.trusted_ca`) : '';
    const read = readTrustSecret(pem, crl, bundles.value);
    if (!read.ok) throw new ConfigError('proxy.field-invalid', `${field}.trusted_ca`, read.error.message);
    this.#trust = read.value;
  }

  #build(): void {
    const certificate = this.#certificate;
    const trust = this.#trust;
    this.ready = (!this.#needsCertificate || certificate !== undefined) && (!this.#needsTrust || trust !== undefined);
    if (!this.ready) {
      // A version of its own: connections made before the secret was withdrawn carry nothing new either.
      this.version = 'missing';
      return;
    }
    const { rootsPem: forAll, bundles, crlPem, revocation } = trust ?? UNTRUSTING;
    // OpenSSL knows no trust domains: it gets all roots, and our check decides.
    const rootsPem = bundles === undefined ? forAll : bundles.map((one) => one.rootsPem).join('');
    const parameters = this.#common.tlsParams;
    const more = [...this.#more.values()];
    this.version = [certificate?.version ?? '', trust?.version ?? '', ...more.map(({ version }) => version)].join('/');
    this.context = {
      version: this.version,
      minVersion: protocolVersion(parameters?.tlsMinimumProtocolVersion, 'TLSv1.2'),
      maxVersion: protocolVersion(parameters?.tlsMaximumProtocolVersion, 'TLSv1.3'),
      ...(certificate === undefined
        ? {}
        : { certChainPem: certificate.certChainPem, privateKeyPem: certificate.privateKeyPem }),
      ...(more.length === 0
        ? {}
        : { morePairs: more.map(({ certChainPem, privateKeyPem }) => ({ certChainPem, privateKeyPem })) }),
      ...(rootsPem === '' ? {} : { rootsPem }),
      // OpenSSL refuses what no list covers: where that is allowed, our check alone decides.
      ...(crlPem === '' || (revocation === 'where-listed' && rootsWithoutList(rootsPem, crlPem).length > 0)
        ? {}
        : { crlPem }),
      ...cipherList(parameters),
    };
    if (certificate !== undefined) this.#services.intermediates.addPem(certificate.certChainPem);
    this.checkKey = `${sanMatchersKey(this.#sans)} ${pinsKey(this.#pins)} ${this.#peerIs}`;
    this.check = this.#makeCheck(this.#sans);
    this.#checkOfAnyName = undefined;
  }

  #makeCheck(sanMatchers: readonly SanMatcher[]): PeerCheck {
    const { bundles, crlPem, revocation } = this.#trust ?? UNTRUSTING;
    const check = makePeerCheck({
      roots: this.context.rootsPem,
      bundles,
      crl: crlPem,
      revocation,
      revocationOfLeafOnly: this.#leafCrlOnly,
      sanMatchers,
      pins: this.#pins,
      trustDomains: undefined,
      required: this.#required,
      intermediates: this.#services.intermediates,
      peerIs: this.#peerIs,
      clock: this.#services.clock,
    });
    return loggedCheck(check, this.#peerIs, this.#services);
  }
}

function readInline({ certificateChain, privateKey }: TlsCertificate, field: string): CertificateSecret {
  const read = readCertificateSecret(
    inlineText(certificateChain, `${field}.certificate_chain`),
    inlineText(privateKey, `${field}.private_key`),
  );
  if (!read.ok) throw new ConfigError('proxy.field-invalid', `${field}.tls_certificates`, read.error.message);
  return read.value;
}

/** Of TLS contexts: where they stand is in the field's name. */
export function tlsWarning({ log }: ProxyServices): (field: string, reason: string) => void {
  return (field, reason) => log.warn('TLS setting has no effect', { field, reason });
}

function readPins(validation: CertificateValidationContext | undefined, field: string): CertificatePins | undefined {
  const pins = certificatePins(validation?.verifyCertificateHash ?? [], validation?.verifyCertificateSpki ?? []);
  if (pins === undefined || !('wrong' in pins)) return pins;
  throw new ConfigError('proxy.field-invalid', `${field}.verify_certificate_hash`, `"${pins.wrong}" is no SHA-256`);
}

function validationOf(common: CommonTlsContext): {
  readonly inline: CertificateValidationContext | undefined;
  readonly sds: SdsSecretConfig | undefined;
} {
  const type = common.validationContextType;
  switch (type.case) {
    case 'validationContext':
      return { inline: type.value, sds: undefined };
    case 'validationContextSdsSecretConfig':
      return { inline: undefined, sds: type.value };
    case 'combinedValidationContext':
      return { inline: type.value.defaultValidationContext, sds: type.value.validationContextSdsSecretConfig };
    default:
      return { inline: undefined, sds: undefined };
  }
}

function inlineText(source: DataSource | undefined, field: string): string {
  const value = source?.specifier;
  if (value?.case === 'inlineString') return value.value;
  if (value?.case === 'inlineBytes') return Buffer.from(value.value).toString('utf8');
  throw new ConfigError(
    'proxy.field-invalid',
    field,
    'give inline_string, inline_bytes, or filename for certificate and key alike',
  );
}
