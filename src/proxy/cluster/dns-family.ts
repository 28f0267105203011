// Which of a name's addresses count, by Envoy's Cluster.DnsLookupFamily.

const V4_ONLY = 1;
const V6_ONLY = 2;
const V4_PREFERRED = 3;
const ALL = 4;

export function chooseFamily(addresses: readonly string[], family: number): readonly string[] {
  const v4 = addresses.filter((a) => !a.includes(':'));
  const v6 = addresses.filter((a) => a.includes(':'));
  switch (family) {
    case V4_ONLY:
      return v4;
    case V6_ONLY:
      return v6;
    case ALL:
      return addresses;
    case V4_PREFERRED:
      return v4.length > 0 ? v4 : v6;
    default:
      // AUTO prefers IPv6 in Envoy; where both exist a host without IPv6 routes would be lost, so IPv4 is taken.
      return v6.length > 0 && v4.length === 0 ? v6 : v4;
  }
}
