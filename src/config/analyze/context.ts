// What analyzers look things up in: hosts of the mesh, subsets, workloads.

import type { ServiceSpec } from '../model/core.ts';
import type { DestinationRuleSpec } from '../model/destination-rule.ts';
import type { ConfigObject } from '../model/object.ts';
import type { ConfigView } from '../model/view.ts';
import { covers } from '../validate/rules.ts';

/** A running workload, as the registry knows it. */
export interface AnalyzedWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface AnalyzeOptions {
  /** Unknown: findings that need workloads are left out. */
  readonly workloads?: readonly AnalyzedWorkload[];
  readonly domain?: string;
  readonly rootNamespace?: string;
}

export interface KnownHost {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  /** Labels that choose its workloads; undefined where they are not chosen by labels. */
  readonly selector?: Readonly<Record<string, string>>;
}

export class AnalysisContext {
  readonly view: ConfigView;
  readonly workloads: readonly AnalyzedWorkload[] | undefined;
  readonly rootNamespace: string;
  readonly #domain: string;
  readonly #hosts = new Map<string, KnownHost>();
  readonly #rules: readonly ConfigObject<DestinationRuleSpec>[];

  constructor(view: ConfigView, options: AnalyzeOptions) {
    this.view = view;
    this.workloads = options.workloads;
    this.rootNamespace = options.rootNamespace ?? 'istio-system';
    this.#domain = options.domain ?? 'cluster.local';
    this.#rules = view.list('DestinationRule');
    for (const service of view.list('Service')) this.#addService(service);
    for (const entry of view.list('ServiceEntry')) {
      const ports = (entry.spec.ports ?? []).map((p) => p.number);
      for (const host of entry.spec.hosts) {
        const selector = entry.spec.workloadSelector?.labels;
        this.#hosts.set(host, {
          host,
          namespace: entry.metadata.namespace,
          ports,
          ...(selector === undefined ? {} : { selector }),
        });
      }
    }
  }

  #addService(service: ConfigObject<ServiceSpec>): void {
    const { name, namespace } = service.metadata;
    const host = `${name}.${namespace}.svc.${this.#domain}`;
    const selector = service.spec.selector;
    const ports = (service.spec.ports ?? []).map((p) => p.port);
    this.#hosts.set(host, { host, namespace, ports, ...(selector === undefined ? {} : { selector }) });
  }

  /** The host that `name` means in `namespace`; wildcards stand for the first host they cover or are covered by. */
  hostOf(name: string, namespace: string): KnownHost | undefined {
    for (const candidate of [
      name,
      `${name}.${namespace}.svc.${this.#domain}`,
      `${name}.svc.${this.#domain}`,
      `${name}.${this.#domain}`,
    ]) {
      const known = this.#hosts.get(candidate);
      if (known !== undefined) return known;
    }
    for (const known of this.#hosts.values()) {
      if (
        (known.host.startsWith('*') && covers(known.host, name)) ||
        (name.startsWith('*') && covers(name, known.host))
      )
        return known;
    }
    return undefined;
  }

  /** The full name of a host, known or not: that of its service, else what a short name would be called. */
  fullName(name: string, namespace: string): string {
    return (
      this.hostOf(name, namespace)?.host ?? (name.includes('.') ? name : `${name}.${namespace}.svc.${this.#domain}`)
    );
  }

  /** Does any DestinationRule of the host define the subset? */
  hasSubset(host: KnownHost, subset: string): boolean {
    return this.#rules.some(({ metadata, spec }) => {
      const same = this.hostOf(spec.host, metadata.namespace)?.host === host.host || covers(spec.host, host.host);
      return same && (spec.subsets ?? []).some((candidate) => candidate.name === subset);
    });
  }

  /** Undefined when workloads are not known. */
  anyWorkload(namespace: string | undefined, labels: Readonly<Record<string, string>>): boolean | undefined {
    return this.workloads?.some(
      (w) =>
        (namespace === undefined || w.namespace === namespace) &&
        Object.entries(labels).every(([key, value]) => w.labels[key] === value),
    );
  }
}
