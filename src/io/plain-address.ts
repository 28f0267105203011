// Dual-stack sockets report IPv4 peers as ::ffff:a.b.c.d; policies mean a.b.c.d.

export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
