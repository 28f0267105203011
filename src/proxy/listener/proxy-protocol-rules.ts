// What a listener makes of PROXY headers: which versions it takes, and where their type-length-values go
// (envoy.filters.listener.proxy_protocol).

import type { ProxyProtocolPassThroughTLVs } from '#proto/envoy/config/core/v3/proxy_protocol_pb.ts';
import type { ProxyProtocol } from '#proto/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import type { DynamicMetadata, StatStore } from '#telemetry';
import { ConfigError } from '../errors.ts';
import { type ProxyHeader, type ProxyTlv, readProxyHeader } from './proxy-protocol.ts';

const NAMESPACE = 'envoy.filters.listener.proxy_protocol';
const INCLUDE = 1;

export class ProxyProtocolRules {
  readonly #config: ProxyProtocol;
  readonly #stats: StatStore;
  readonly #disallowed: ReadonlySet<number>;
  /** Of type-length-values that may be told to endpoints. */
  readonly #passes: (type: number) => boolean;

  constructor(config: ProxyProtocol, stats: StatStore, field: string) {
    this.#config = config;
    this.#stats = stats;
    // Version 1 is number 0.
    this.#disallowed = new Set(config.disallowedVersions.map((one) => one + 1));
    this.#passes = tlvChoice(config.passThroughTlvs);
    if (this.#disallowed.has(1) && this.#disallowed.has(2))
      throw new ConfigError('proxy.field-invalid', `${field}.disallowed_versions`, 'no version is left');
  }

  /** `absent`: the connection goes on as if there were no header. */
  take(bytes: Buffer): ProxyHeader {
    const { allowRequestsWithoutProxyProtocol: optional } = this.#config;
    const read = readProxyHeader(bytes, optional ? this.#disallowed : undefined);
    if (read.kind === 'absent') {
      this.#count(optional ? 'not_found_allowed' : 'not_found_disallowed');
      return optional ? read : { kind: 'malformed' };
    }
    if (read.kind === 'malformed') this.#count(`versions.v${bytes[0] === 0x0d ? 2 : 1}.error`);
    if (read.kind !== 'header') return read;
    const refused = this.#disallowed.has(read.version);
    this.#count(`versions.v${read.version}.${refused ? 'disallowed' : 'found'}`);
    return refused ? { kind: 'malformed' } : read;
  }

  passed(tlvs: readonly ProxyTlv[]): readonly ProxyTlv[] {
    return tlvs
      .filter(({ type }) => this.#passes(type))
      .map(({ type, value }) => ({ type, value: Buffer.from(value) }));
  }

  metadata(tlvs: readonly ProxyTlv[]): DynamicMetadata | undefined {
    const found = new Map<string, Record<string, unknown>>();
    for (const { type, value } of tlvs)
      for (const { tlvType, onTlvPresent } of this.#config.rules) {
        if (tlvType !== type || onTlvPresent === undefined) continue;
        const namespace = onTlvPresent.metadataNamespace || NAMESPACE;
        const entry = found.get(namespace) ?? {};
        entry[onTlvPresent.key] = wellFormed(value);
        found.set(namespace, entry);
      }
    return found.size === 0 ? undefined : found;
  }

  #count(what: string): void {
    const { statPrefix } = this.#config;
    this.#stats.counter(`proxy_proto.${statPrefix === '' ? '' : `${statPrefix}.`}${what}`).inc();
  }
}

/** Without a choice none pass. */
export function tlvChoice(choice: ProxyProtocolPassThroughTLVs | undefined): (type: number) => boolean {
  if (choice === undefined) return () => false;
  if (choice.matchType !== INCLUDE) return () => true;
  const types = new Set(choice.tlvType);
  return (type) => types.has(type);
}

/** What is no UTF-8 is "!", byte by byte, as Envoy writes it. */
function wellFormed(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\uFFFD')) return text;
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const piece = bytes.subarray(at, at + length);
    const one = piece.toString('utf8');
    const whole = Buffer.from(one, 'utf8').equals(piece) && [...one].length === 1;
    out += whole ? one : '!';
    at += whole ? length : 1;
  }
  return out;
}
