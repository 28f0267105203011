// Which trust domain identities are of: MeshConfig's, as the control plane finds it when it starts; later changes wait for the next start.
import type { Logger } from '#base';
import type { ConfigView } from '#config';
import { isTrustDomain } from '#identity';
import { meshSettings, type MeshSettings } from '#registry';
import type { DiscoveryIdentity } from './discovery-identity.ts';

/** Throws what the operator has to correct: no authority starts under a name that no peer would accept. */
export function trustDomainOf(view: ConfigView): string {
  const { trustDomain } = meshSettings(view);
  if (isTrustDomain(trustDomain)) return trustDomain;
  throw new Error(
    `trustDomain of MeshConfig is "${trustDomain}", which no SPIFFE id can hold: write lower-case letters, digits, ".", "-" and "_", such as example.org.`,
  );
}

/** The aliases of each snapshot count for those who call the control plane too; another trust domain is told of once. */
export function followTrustDomain(
  identity: DiscoveryIdentity,
  log: Logger,
): (snapshot: { readonly mesh: MeshSettings }) => void {
  const own = identity.authority.trustDomain;
  let told = own;
  return ({ mesh }) => {
    identity.setTrustAliases(mesh.trustDomainAliases);
    const configured = mesh.configuredTrustDomain;
    if (configured !== own && configured !== told)
      log.warn('another trustDomain is configured than the one in force', {
        inForce: own,
        configured,
        remedy: `Keep ${own} in trustDomainAliases and start the control plane again.`,
      });
    told = configured;
  };
}
