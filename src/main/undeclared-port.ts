// Which service a call meant that nothing declares: by the address or the name it went to, with a port that the service does not have.

import { resolveHost, type Service, type ServiceIndex } from '#registry';
import type { TapRecordJson, Undeclared } from '#telemetry';

type Told = Pick<TapRecordJson, 'endpoint' | 'authority' | 'namespace'>;

/** Addresses are looked up once for each state of the services. */
export class UndeclaredPorts {
  #of: ServiceIndex | undefined;
  #byAddress: ReadonlyMap<string, Service> = new Map();

  find({ endpoint, authority, namespace }: Told, services: ServiceIndex): Undeclared | undefined {
    const [address, dialled] = split(endpoint);
    const [name, asked] = split(authority);
    const byAddress = this.#addresses(services).get(address) ?? this.#addresses(services).get(name);
    const exists = (host: string): boolean => services.byHost.has(host);
    const service =
      byAddress ?? services.byHost.get(resolveHost(name, namespace, { domain: services.domain, exists }))?.[0];
    const port = dialled || asked;
    if (service === undefined || port === 0) return undefined;
    const ports = service.ports.map(({ number }) => number).sort((a, b) => a - b);
    return ports.includes(port) ? undefined : { service: service.hostname, port, ports };
  }

  #addresses(services: ServiceIndex): ReadonlyMap<string, Service> {
    if (this.#of !== services) {
      this.#of = services;
      this.#byAddress = new Map(
        [...services.all.values()].flatMap((one) => one.addresses.map((address) => [address, one])),
      );
    }
    return this.#byAddress;
  }
}

/** `10.0.0.1:80`, `[::1]:80`, `host`; port 0 where there is none. */
function split(text: string): [string, number] {
  const found = /^\[?(.*?)\]?:(\d{1,5})$/.exec(text);
  return found === null ? [text, 0] : [found[1] as string, Number(found[2])];
}
