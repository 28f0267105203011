// The user's DestinationRule that a gateway's own one takes the place of: of its namespace, else the Service's, else a wider one of these.
import type { ConfigObject, SpecOf } from '#config';
import type { GatewayApiInput } from './resources.ts';

type Rule = ConfigObject<SpecOf<'DestinationRule'>>;

export function rulesOf(
  host: string,
  namespaces: readonly string[],
  rules: readonly Rule[],
): ReturnType<GatewayApiInput['destinationRule']> {
  for (const namespace of namespaces) {
    const own = rules.filter(
      ({ metadata, spec }) => metadata.namespace === namespace && spec.workloadSelector === undefined,
    );
    const exact = own.find(({ spec }) => fullName(spec.host ?? '', namespace, host) === host);
    const wide = own
      .filter(({ spec }) => spec.host?.startsWith('*') === true && host.endsWith(spec.host.slice(1)))
      .sort((a, b) => (b.spec.host?.length ?? 0) - (a.spec.host?.length ?? 0))[0];
    const found = exact ?? wide;
    if (found !== undefined)
      return {
        ...(found.spec.trafficPolicy === undefined ? {} : { trafficPolicy: found.spec.trafficPolicy }),
        ...(found.spec.subsets === undefined ? {} : { subsets: found.spec.subsets }),
      };
  }
  return undefined;
}

/** `reviews`, `reviews.shop` and `reviews.shop.svc` are short for the Service's whole name. */
function fullName(name: string, namespace: string, host: string): string {
  const domain = host.slice(host.indexOf('.svc.') + '.svc.'.length);
  const parts = name.split('.');
  if (parts.length === 1) return `${name}.${namespace}.svc.${domain}`;
  if (parts.length === 2) return `${name}.svc.${domain}`;
  return parts.length === 3 && parts[2] === 'svc' ? `${name}.${domain}` : name;
}
