// Whether a policy meets connections that are no HTTP: what is warned of them does not concern whoever selects HTTP servers only.

import type { Complaint, ConfigView } from '#config';
import type { AuthorizationPolicy } from './kinds.ts';
import { LabelIndex } from './label-index.ts';
import { isHttp, type PortProtocol } from './model.ts';
import { gatewayChoice, type ProxyIdentity, sidecarOf } from './policies.ts';
import { reachOf } from './reach.ts';
import type { RegistryView } from './registry.ts';
import { protocolFromName } from './select-protocol.ts';

/** HTTP fields of a DENY rule do not count on TCP ports. */
const TCP_DENIAL = 'TS-CFG-0404';

interface PolicyPlace {
  readonly config: ConfigView;
  readonly registry: RegistryView;
  /** Every workload and gateway that is known. */
  readonly running: () => Iterable<ProxyIdentity>;
  readonly rootNamespace: string;
}

/** Without the warnings of TCP ports where every workload that is selected has HTTP ports only; they stay where nobody is selected yet. */
export function withoutIdleTcpWarnings<T extends Pick<Complaint, 'code' | 'object'>>(
  complaints: readonly T[],
  place: PolicyPlace,
): readonly T[] {
  if (complaints.every(({ code }) => code !== TCP_DENIAL)) return complaints;
  const policies = new Map(
    place.config
      .list('AuthorizationPolicy')
      .map((one) => [`${one.kind} ${one.metadata.namespace}/${one.metadata.name}`, one]),
  );
  const ports = new TcpPorts(place);
  return complaints.filter(({ code, object }) => {
    const policy = code === TCP_DENIAL ? policies.get(object) : undefined;
    return policy === undefined || ports.mayMeet(policy);
  });
}

class TcpPorts {
  readonly #place: PolicyPlace;
  readonly #running: LabelIndex<ProxyIdentity>;
  readonly #withTcp: LabelIndex<ProxyIdentity>;

  constructor(place: PolicyPlace) {
    this.#place = place;
    this.#running = new LabelIndex([...place.running()]);
    this.#withTcp = new LabelIndex([...tcpEndpoints(place.registry), ...this.#tcpGateways()]);
  }

  mayMeet(policy: AuthorizationPolicy): boolean {
    const { rootNamespace, config } = this.#place;
    const { choices } = reachOf(policy, rootNamespace);
    const chosen = choices.flatMap((choice) => this.#running.chosenBy(choice));
    return (
      chosen.length === 0 ||
      choices.some((choice) => this.#withTcp.chosenBy(choice).length > 0) ||
      (config.list('Sidecar').length > 0 &&
        chosen.some((one) =>
          (sidecarOf(config, one, rootNamespace)?.spec.ingress ?? []).some(({ port }) => !speaksHttp(port?.protocol)),
        ))
    );
  }

  *#tcpGateways(): Iterable<ProxyIdentity> {
    for (const gateway of this.#place.config.list('Gateway')) {
      const passes = (gateway.spec.servers ?? []).some(
        ({ port, tls }) => tls?.mode?.endsWith('PASSTHROUGH') === true || !servesHttp(port.protocol),
      );
      if (passes) yield* this.#running.chosenBy(gatewayChoice(gateway));
    }
  }
}

/** Ports of undeclared protocol too: what is no HTTP there is TCP. */
function* tcpEndpoints({ services, endpoints }: RegistryView): Iterable<ProxyIdentity> {
  for (const [key, { ports }] of services.all) {
    const byPort = endpoints.get(key)?.byPort;
    if (byPort === undefined) continue;
    for (const { number, protocol } of ports) if (!isHttp(protocol)) yield* byPort.get(number) ?? [];
  }
}

function speaksHttp(protocol: string | undefined): boolean {
  return isHttp(protocolFromName(protocol ?? '') ?? ('Unsupported' satisfies PortProtocol));
}

/** A gateway ends the TLS of HTTPS. */
function servesHttp(protocol: string | undefined): boolean {
  return speaksHttp(protocol) || protocol?.toUpperCase() === 'HTTPS';
}
