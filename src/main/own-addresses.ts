// The addresses of this machine or pod that others may know, and where to listen so that all of them are answered.
import { networkInterfaces } from 'node:os';

/** Neither loopback's nor link-local ones, which are nobody's. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter((one) => !one.internal && (one.scopeid ?? 0) === 0).map((one) => one.address),
  );
}

/** IPv4 and IPv6, where the kernel has it; `::` takes both. */
export function allAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0';
}
