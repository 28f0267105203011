// The Secrets that a gateway needs as a client: credentialName of DestinationRules. Only routers have them (Istio's rule).
import type { ConfigObject, SpecOf } from '#config';

type Rule = ConfigObject<SpecOf<'DestinationRule'>>;

/** As clusters name them: certificate, and roots. */
export function clientSecretNames(rules: readonly Rule[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { spec } of rules)
    for (const policy of [spec.trafficPolicy, ...(spec.subsets ?? []).map((subset) => subset.trafficPolicy)])
      for (const tls of [policy?.tls, ...(policy?.portLevelSettings ?? []).map((port) => port.tls)]) {
        const credential = tls?.credentialName ?? '';
        if (credential === '') continue;
        if (tls?.mode === 'MUTUAL') names.add(`kubernetes://${credential}`);
        names.add(`kubernetes://${credential}-cacert`);
      }
  return names;
}
