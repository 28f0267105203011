// The mesh's names with their addresses, as the control plane's NameTable tells them (inventory §3.11), found by every form that Kubernetes allows.
import type { NameTable } from '#proto/istio/networking/nds/v1/nds_pb.ts';
import { decodeLight } from '#proto/light.ts';
import { ipv4Bytes, ipv6Bytes } from '#wire/dns';
import { DnsMetrics } from './dns-metrics.ts';

export interface MeshName {
  /** The host as the table has it. */
  readonly host: string;
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
  /** Nobody but the mesh knows it: what we do not have does not exist. */
  readonly ours: boolean;
}

export class MeshNames {
  readonly metrics = new DnsMetrics();
  readonly #namespace: string;
  readonly #domain: string;
  #exact = new Map<string, MeshName>();
  #wildcards = new Map<string, MeshName>();

  /** Where the workload lives decides what short names mean. */
  constructor(namespace: string, domain: string) {
    this.#namespace = namespace;
    this.#domain = domain;
  }

  get size(): number {
    return this.#exact.size + this.#wildcards.size;
  }

  /** `bytes`: an istio.networking.nds.v1.NameTable. Throws when they are none. */
  update(bytes: Uint8Array): void {
    const exact = new Map<string, MeshName>();
    const wildcards = new Map<string, MeshName>();
    const { table } = decodeLight('istio.networking.nds.v1.NameTable', bytes) as NameTable;
    for (const [key, info] of Object.entries(table)) {
      const host = key.toLowerCase();
      const v4 = info.ips.map(ipv4Bytes).filter((ip) => ip !== undefined);
      const name: MeshName = {
        host,
        v4: v4.some(isLoopback) ? [standIn(host)] : v4,
        v6: info.ips.map(ipv6Bytes).filter((ip) => ip !== undefined),
        ours: info.registry === 'Kubernetes',
      };
      if (host.startsWith('*.')) wildcards.set(host.slice(1), name);
      else exact.set(host, name);
      if (name.ours && info.shortname !== '')
        for (const short of shortForms(info.shortname, info.namespace, this.#namespace))
          if (!exact.has(short)) exact.set(short, name);
    }
    this.#exact = exact;
    this.#wildcards = wildcards;
  }

  find(name: string): MeshName | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    // "a.b.default.svc.cluster.local" is how a resolver with Kubernetes' search list first asks for "a.b".
    for (const suffix of [`.${this.#namespace}.svc.${this.#domain}`, `.svc.${this.#domain}`, `.${this.#domain}`]) {
      const found = name.endsWith(suffix) ? this.#exact.get(name.slice(0, -suffix.length)) : undefined;
      if (found !== undefined) return found;
    }
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const found = this.#wildcards.get(name.slice(dot));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function isLoopback(ip: Uint8Array): boolean {
  return ip[0] === 127;
}

/**
 * A headless service whose endpoints are ports of the host: to the application, loopback is its own. A stable
 * address stands for all of them; it lies beside the block that services get theirs from (240.240.0.0/16).
 */
function standIn(host: string): Uint8Array {
  let hash = 0x811c9dc5;
  for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193) >>> 0;
  return Uint8Array.of(240, 241, (hash >>> 8) & 255, 1 + (hash % 254));
}

/** "reviews" only at home, "reviews.default" and "reviews.default.svc" everywhere. */
function shortForms(name: string, namespace: string, home: string): readonly string[] {
  return [...(namespace === home ? [name] : []), `${name}.${namespace}`, `${name}.${namespace}.svc`].map((form) =>
    form.toLowerCase(),
  );
}
