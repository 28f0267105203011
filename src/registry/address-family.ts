// Which of IPv4 and IPv6 a proxy has, and what of a service's addresses is for it: another family's have no route from there.

import type { Service } from './model.ts';

export type Families = '4' | '6' | '46';

/** Of addresses with commas between, as INSTANCE_IPS has them; what is none counts as IPv4. */
export function familiesOf(addresses: string): Families {
  const all = addresses.split(',').map((one) => one.trim());
  const v6 = all.some(isIpv6);
  const v4 = all.some((one) => one !== '' && !isIpv6(one));
  return v6 ? (v4 ? '46' : '6') : '4';
}

export function isIpv6(text: string): boolean {
  return text.includes(':') && !text.includes('://');
}

export function fits(address: string, families: Families): boolean {
  return families === '46' || isIpv6(address) === (families === '6');
}

/** What would be left without an address is reached by whatever it has. */
export function addressesFor({ addresses }: Pick<Service, 'addresses'>, families: Families): readonly string[] {
  const found = addresses.filter((address) => fits(address, families));
  return found.length === 0 || found.length === addresses.length ? addresses : found;
}
