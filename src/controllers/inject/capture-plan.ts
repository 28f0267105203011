// Reads a pod's capture annotations over the installation's defaults; what is no port, CIDR or interface name is refused.
import { CAPTURE_ANNOTATION, CAPTURE_KINDS, type CapturePlan } from '#base';
import { DEFAULT_PROXY, type ProxyDefaults } from './injector-config.ts';
import { INBOUND_PORT, OUTBOUND_PORT, PROXY_UID } from './proxy-container.ts';

const PREFIX = 'traffic.sidecar.istio.io/';

export interface Refusal {
  readonly field: string;
  readonly message: string;
}

export interface CaptureInput {
  readonly annotations: Readonly<Record<string, string>>;
  readonly config: { readonly proxy: Omit<ProxyDefaults, 'image'> };
  readonly dns: boolean;
  /** Interception mode TPROXY. */
  readonly transparent: boolean;
  readonly statusPort: number;
  readonly refuse: (refusal: Refusal) => void;
}

const MOST_ITEMS = 1000;

export function capturePlan({ annotations, config, dns, transparent, statusPort, refuse }: CaptureInput): CapturePlan {
  const { proxy } = config;
  const raw = (name: string, fallback: string): { text: string; field: string } => {
    const key = `${PREFIX}${name}`;
    const given = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    return {
      text: given ?? fallback,
      field: given === undefined ? `values.global.proxy.${name}` : `metadata.annotations[${key}]`,
    };
  };
  const list = <T>(
    { text, field }: { text: string; field: string },
    read: (item: string) => T | undefined,
    expected: string,
  ): T[] => {
    const found: T[] = [];
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (items.length > MOST_ITEMS)
      refuse({ field, message: `${items.length} items; at most ${MOST_ITEMS} are possible` });
    for (const item of items.slice(0, MOST_ITEMS)) {
      const value = read(item);
      if (value === undefined) refuse({ field, message: `"${item.slice(0, 60)}" is no ${expected}` });
      else found.push(value);
    }
    return found;
  };
  const ports = (name: string, fallback: string): number[] =>
    list(raw(name, fallback), readPort, 'port from 1 to 65535');
  const ranges = (name: string, fallback: string): string[] =>
    list(raw(name, fallback), readCidr, 'address range, for example 10.0.0.0/8');
  const interfaces = (...names: string[]): string[] =>
    names.flatMap((name) =>
      list(raw(name, name === 'excludeInterfaces' ? proxy.excludeInterfaces : ''), readInterface, 'interface name'),
    );
  const inbound = raw('includeInboundPorts', proxy.includeInboundPorts);
  const outbound = raw('includeOutboundIPRanges', proxy.includeIPRanges);
  const virtual = Object.hasOwn(annotations, VIRTUAL)
    ? list(
        { text: annotations[VIRTUAL] ?? '', field: `metadata.annotations[${VIRTUAL}]` },
        readInterface,
        'interface name',
      )
    : interfaces('kubevirtInterfaces');
  return {
    inboundPort: INBOUND_PORT,
    outboundPort: OUTBOUND_PORT,
    proxyUid: PROXY_UID,
    includeInboundPorts: inbound.text.trim() === '*' ? '*' : list(inbound, readPort, 'port from 1 to 65535, nor *'),
    excludeInboundPorts: [
      ...new Set([
        ...ports('excludeInboundPorts', proxy.excludeInboundPorts),
        ...(statusPort === 0 ? [] : [statusPort]),
      ]),
    ],
    includeOutboundRanges:
      outbound.text.trim() === '*' ? '*' : list(outbound, readCidr, 'address range, for example 10.0.0.0/8, nor *'),
    excludeOutboundRanges: ranges('excludeOutboundIPRanges', proxy.excludeIPRanges),
    includeOutboundPorts: ports('includeOutboundPorts', proxy.includeOutboundPorts),
    excludeOutboundPorts: ports('excludeOutboundPorts', proxy.excludeOutboundPorts),
    excludeInterfaces: interfaces('excludeInterfaces'),
    virtualInterfaces: virtual,
    ...(transparent ? { transparent } : {}),
    ...(dns ? { dnsPort: 15053 } : {}),
  };
}

const MODE = 'sidecar.istio.io/interceptionMode';
const VIRTUAL = 'istio.io/reroute-virtual-interfaces';

/** A plan as Istio's annotations, for whoever applies it later: the CNI plugin. `planOfAnnotations` reads the same plan back. */
export function captureAnnotations(plan: CapturePlan): Record<string, string> {
  const text = (value: '*' | readonly (string | number)[]): string => (value === '*' ? value : value.join(','));
  return {
    [CAPTURE_ANNOTATION]: plan.dnsPort === undefined ? CAPTURE_KINDS.plain : CAPTURE_KINDS.dns,
    [`${PREFIX}includeInboundPorts`]: text(plan.includeInboundPorts),
    [`${PREFIX}excludeInboundPorts`]: text(plan.excludeInboundPorts),
    [`${PREFIX}includeOutboundIPRanges`]: text(plan.includeOutboundRanges),
    [`${PREFIX}excludeOutboundIPRanges`]: text(plan.excludeOutboundRanges),
    [`${PREFIX}includeOutboundPorts`]: text(plan.includeOutboundPorts),
    [`${PREFIX}excludeOutboundPorts`]: text(plan.excludeOutboundPorts),
    [`${PREFIX}excludeInterfaces`]: text(plan.excludeInterfaces),
    [VIRTUAL]: text(plan.virtualInterfaces),
    ...(plan.transparent === true ? { [MODE]: 'TPROXY' } : {}),
  };
}

/** Everything is checked anew: annotations are anybody's who may make pods. */
export function planOfAnnotations(
  annotations: Readonly<Record<string, string>>,
): { readonly plan: CapturePlan } | { readonly problem: string } {
  const kind = annotations[CAPTURE_ANNOTATION];
  const refusals: Refusal[] = [];
  if (kind !== CAPTURE_KINDS.plain && kind !== CAPTURE_KINDS.dns)
    refusals.push({ field: `metadata.annotations[${CAPTURE_ANNOTATION}]`, message: `"${kind}" is not known here` });
  const plan = capturePlan({
    annotations,
    config: { proxy: DEFAULT_PROXY },
    dns: kind === CAPTURE_KINDS.dns,
    transparent: annotations[MODE] === 'TPROXY',
    statusPort: 0,
    refuse: (refusal) => refusals.push(refusal),
  });
  const [first] = refusals;
  return first === undefined ? { plan } : { problem: `${first.field}: ${first.message}` };
}

function readPort(text: string): number | undefined {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function readInterface(text: string): string | undefined {
  return /^[A-Za-z0-9_.@-]{1,15}$/.test(text) ? text : undefined;
}

/** An address without a length is one host. */
function readCidr(text: string): string | undefined {
  const found = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  if (found === null) return undefined;
  const [, address = '', length] = found;
  const v6 = address.includes(':');
  if (!(v6 ? isV6(address) : isV4(address))) return undefined;
  if (length !== undefined && Number(length) > (v6 ? 128 : 32)) return undefined;
  return length === undefined ? address : `${address}/${Number(length)}`;
}

function isV4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isV6(text: string): boolean {
  try {
    return new URL(`http://[${text}]/`).hostname !== '';
  } catch {
    return false;
  }
}
