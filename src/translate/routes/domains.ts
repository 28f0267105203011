// The names under which clients of one namespace may ask for a host (inventory §3.6).

import type { Service } from '#registry';

/** FQDN, FQDN with a dot, short names as far as the namespace allows, and virtual addresses. */
export function serviceDomains(service: Service, clientNamespace: string, domain: string): readonly string[] {
  const { hostname } = service;
  const names = hostDomains(hostname, clientNamespace, domain);
  // Its pods have names below each of them.
  if (service.headless && !hostname.startsWith('*')) names.push(...names.map((name) => `*.${name}`));
  for (const address of service.addresses)
    if (!address.includes('/')) names.push(address.includes(':') ? `[${address}]` : address);
  return names;
}

export function hostDomains(hostname: string, clientNamespace: string, domain: string): string[] {
  const names = hostname.startsWith('*') ? [hostname] : [hostname, `${hostname}.`];
  return [...names, ...shortNames(hostname, clientNamespace, domain)];
}

export function shortNames(hostname: string, clientNamespace: string, domain: string): readonly string[] {
  const suffix = `.svc.${domain}`;
  if (!hostname.endsWith(suffix) || hostname.startsWith('*')) return [];
  const [name = '', namespace = '', ...rest] = hostname.slice(0, -suffix.length).split('.');
  if (rest.length > 0 || namespace === '') return [];
  const names = [`${name}.${namespace}`, `${name}.${namespace}.svc`];
  return namespace === clientNamespace ? [name, ...names] : names;
}
