// Roots that vouch for one trust domain only, so that no authority can mint the identities of another (SPIFFE Federation §5.1).

import { joinRoots } from './ca/authority-keeper.ts';

export interface DomainRoots {
  readonly trustDomain: string;
  /** PEM; may be empty where only whole bundles are added to. */
  readonly rootsPem: string;
}

/** MeshConfig `caCertificates` as far as it is known; no trust domains: the roots vouch for everybody. */
export interface ExtraRoots {
  readonly pem: string;
  readonly trustDomains: readonly string[];
  /** The signers whose certificates lead to them; undefined or empty: any signer's. */
  readonly certSigners?: readonly string[];
}

/** What is bound to trust domains; empty when nothing is. Domains of ours are named even where no root is bound to them. */
export function boundRoots(extra: readonly ExtraRoots[], ours: readonly string[]): readonly DomainRoots[] {
  const bound = extra.filter(({ trustDomains }) => trustDomains.length > 0);
  if (bound.length === 0) return [];
  const domains = new Set([...ours, ...bound.flatMap(({ trustDomains }) => trustDomains)]);
  return [...domains].sort().map((trustDomain) => ({
    trustDomain,
    rootsPem: joinRoots(bound.filter(({ trustDomains }) => trustDomains.includes(trustDomain)).map(({ pem }) => pem)),
  }));
}

/** With the roots that vouch for everybody, each domain has its whole bundle. */
export function wholeBundles(rootsPem: string, bound: readonly DomainRoots[]): readonly DomainRoots[] {
  return bound.map(({ trustDomain, rootsPem: more }) => ({ trustDomain, rootsPem: joinRoots([rootsPem, more]) }));
}

/** Changes with what is bound. */
export function boundRootsKey(bound: readonly DomainRoots[] | undefined): string {
  return (bound ?? []).map(({ trustDomain, rootsPem }) => `${trustDomain}\0${rootsPem}`).join('\0');
}
