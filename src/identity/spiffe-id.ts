// SPIFFE ids of workloads: parse, format, and trust domain aliases (SPIFFE ID standard §2; Istio's path ns/NS/sa/SA).

import type { Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from './errors.ts';
import { SPIFFE_ID_CHARACTERS_MAX } from './limits.ts';

export interface SpiffeId {
  readonly trustDomain: string;
  /** Path segments without their slashes. */
  readonly path: readonly string[];
}

/** Identity in Istio's form. */
export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** What a SPIFFE id can hold before its first slash. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

export function parseSpiffeId(text: string): Result<SpiffeId, IdentityError> {
  const malformed = (why: string): Result<SpiffeId, IdentityError> =>
    err(new IdentityError('spiffe_malformed', `${JSON.stringify(text.slice(0, 200))} ${why}`));
  if (text.length > SPIFFE_ID_CHARACTERS_MAX) return malformed('is too long');
  if (!text.startsWith('spiffe://')) return malformed('does not begin with spiffe://');
  const [trustDomain, ...path] = text.slice('spiffe://'.length).split('/');
  if (trustDomain === undefined || !isTrustDomain(trustDomain)) return malformed('has no valid trust domain');
  for (const segment of path) {
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..')
      return malformed('has a path segment that is empty or not allowed');
  }
  return ok({ trustDomain, path });
}

export function parseWorkloadIdentity(text: string): Result<WorkloadIdentity, IdentityError> {
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) return parsed;
  const { trustDomain, path } = parsed.value;
  const [ns, namespace, sa, serviceAccount] = path;
  if (path.length !== 4 || ns !== 'ns' || sa !== 'sa' || namespace === undefined || serviceAccount === undefined) {
    return err(new IdentityError('spiffe_malformed', `${JSON.stringify(text)} has not the path /ns/NS/sa/SA`));
  }
  return ok({ trustDomain, namespace, serviceAccount });
}

export function formatWorkloadIdentity(identity: WorkloadIdentity): string {
  return `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
}

/** The same workload under every name of the mesh's trust domain: what policies and peer checks accept. */
export function withAliases(
  identity: WorkloadIdentity,
  trustDomain: string,
  aliases: readonly string[],
): readonly string[] {
  const domains = [trustDomain, ...aliases];
  if (!domains.includes(identity.trustDomain)) return [formatWorkloadIdentity(identity)];
  return [...new Set(domains)].map((domain) => formatWorkloadIdentity({ ...identity, trustDomain: domain }));
}
