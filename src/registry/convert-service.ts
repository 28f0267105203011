// Turns a core Service into the registry's service (Istio's pkg/config/kube conversion).

import { refOf } from '#config';
import { bothFamilies } from './allocate-address.ts';
import { sameHost } from './host.ts';
import type { CoreService } from './kinds.ts';
import type { Service, ServicePort } from './model.ts';
import { selectProtocol } from './select-protocol.ts';

const EXPORT_TO = 'networking.istio.io/exportTo';

export function serviceHostname(name: string, namespace: string, domain: string): string {
  return `${name}.${namespace}.svc.${domain}`;
}

/** `allocated` is the virtual address to use when the Service has none of its own. */
export function convertService(
  object: CoreService,
  options: { readonly domain: string; readonly allocated: string | undefined },
): Service {
  const { name, namespace, labels, annotations, creationTimestampMs } = object.metadata;
  const spec = object.spec;
  const headless = spec.clusterIP === 'None';
  const external = spec.type === 'ExternalName';
  const own = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  const allocated = own.length === 0 && !headless && !external && options.allocated !== undefined;
  const exportTo = annotations[EXPORT_TO];
  return Object.freeze<Service>({
    hostname: serviceHostname(name, namespace, options.domain),
    namespace,
    name,
    registry: 'Kubernetes',
    ports: (spec.ports ?? []).map(convertPort),
    resolution: external ? 'dns' : headless ? 'none' : 'static',
    headless,
    addresses: own.length > 0 ? own : allocated ? bothFamilies(options.allocated as string) : [],
    allocated,
    labels,
    selector: nonEmpty(spec.selector),
    exportTo:
      exportTo === undefined
        ? []
        : exportTo
            .split(',')
            .map((entry) => entry.trim())
            .filter((e) => e !== ''),
    meshExternal: external,
    externalName: external && (spec.externalName ?? '') !== '' ? sameHost(spec.externalName as string) : undefined,
    subjectAltNames: [],
    createdMs: creationTimestampMs,
    origin: refOf(object),
  });
}

function convertPort(port: NonNullable<CoreService['spec']['ports']>[number]): ServicePort {
  return {
    number: port.port,
    name: port.name ?? '',
    protocol: selectProtocol({ name: port.name, appProtocol: port.appProtocol, transport: port.protocol }),
    targetPort: port.targetPort ?? port.port,
  };
}

function nonEmpty(
  selector: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  return selector === undefined || Object.keys(selector).length === 0 ? undefined : selector;
}
