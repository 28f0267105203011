// The redirection of a pod as nftables text, both address families in one table; the order is that of Istio's chains.
// Every value was checked when the plan was read: nothing but numbers, addresses and interface names gets here.
import type { CapturePlan } from '#base';
import { TO_ITSELF_MARK, TRANSPARENT_MARK } from './capture-ports.ts';

export const CAPTURE_TABLE = 'istio_capture';
/** HBONE, merged metrics, health, metrics: the proxy's own, never redirected inbound. */
const OWN_PORTS = [15008, 15020, 15021, 15090];
/** The proxy's connections to its own application come from here. */
const INBOUND_SOURCE = { ip: '127.0.0.6', ip6: '::6' } as const;
const HBONE = 15008;

export function nftRules(plan: CapturePlan): string {
  // Declared first so that deleting it cannot fail: applying twice is applying once.
  return [
    `table inet ${CAPTURE_TABLE} {}`,
    `delete table inet ${CAPTURE_TABLE}`,
    `table inet ${CAPTURE_TABLE} {`,
    ...chain('prerouting', 'type nat hook prerouting priority dstnat; policy accept;', inbound(plan)),
    ...chain('output', 'type nat hook output priority -100; policy accept;', outbound(plan)),
    ...(plan.transparent === true ? transparent(plan) : []),
    '}',
    '',
  ].join('\n');
}

function inbound(plan: CapturePlan): string[] {
  const { includeInboundPorts: include, excludeInboundPorts: exclude, inboundPort } = plan;
  const rules: string[] = [];
  if (plan.excludeInterfaces.length > 0) rules.push(`iifname ${names(plan.excludeInterfaces)} return`);
  if (plan.virtualInterfaces.length > 0)
    rules.push(...outboundTargets(plan).map((rule) => `iifname ${names(plan.virtualInterfaces)} ${rule}`));
  if (plan.transparent === true) return rules;
  rules.push(`tcp dport ${set(include === '*' ? [...OWN_PORTS, ...exclude] : OWN_PORTS)} return`);
  if (include === '*') rules.push(`meta l4proto tcp redirect to :${inboundPort}`);
  else if (include.length > 0) rules.push(`tcp dport ${set(include)} redirect to :${inboundPort}`);
  return rules;
}

function outbound(plan: CapturePlan): string[] {
  const { proxyUid: uid, inboundPort } = plan;
  const rules: string[] = [];
  if (plan.excludeInterfaces.length > 0) rules.push(`oifname ${names(plan.excludeInterfaces)} return`);
  if (plan.excludeOutboundPorts.length > 0)
    rules.push(
      `tcp dport ${set(plan.excludeOutboundPorts)} return`,
      `udp dport ${set(plan.excludeOutboundPorts)} return`,
    );
  rules.push(
    `oifname "lo" ip saddr ${INBOUND_SOURCE.ip} return`,
    `oifname "lo" ip6 saddr ${INBOUND_SOURCE.ip6} return`,
    // The application called itself by a service's name: the call goes in as everybody's does.
    ...(plan.transparent === true ? [] : ['skuid', 'skgid']).flatMap((who) => [
      `oifname "lo" meta ${who} ${uid} ip daddr != 127.0.0.1 tcp dport != ${HBONE} redirect to :${inboundPort}`,
      `oifname "lo" meta ${who} ${uid} ip6 daddr != ::1 tcp dport != ${HBONE} redirect to :${inboundPort}`,
    ]),
    ...(plan.dnsPort === undefined
      ? [`oifname "lo" meta skuid != ${uid} meta skgid != ${uid} return`]
      : [`oifname "lo" meta skuid != ${uid} meta skgid != ${uid} th dport != 53 return`]),
    `meta skuid ${uid} return`,
    `meta skgid ${uid} return`,
  );
  if (plan.dnsPort !== undefined)
    rules.push(`udp dport 53 redirect to :${plan.dnsPort}`, `tcp dport 53 redirect to :${plan.dnsPort}`);
  rules.push('ip daddr 127.0.0.1 return', 'ip6 daddr ::1 return', ...outboundTargets(plan));
  return rules;
}

/**
 * Inbound without a change of addresses: what comes in, and what the pod sends to itself through its proxy, is handed to the
 * proxy's transparent socket. The proxy meets the application in its client's name with a mark of its own, by which the
 * application's answers come back here instead of going to that client.
 */
function transparent(plan: CapturePlan): string[] {
  const { includeInboundPorts: include, excludeInboundPorts: exclude, inboundPort, proxyUid: uid } = plan;
  const others = [...plan.excludeInterfaces, ...plan.virtualInterfaces];
  const hand = `meta mark set ${TRANSPARENT_MARK} tproxy to :${inboundPort} accept`;
  return [
    ...chain('marked', 'type route hook output priority mangle; policy accept;', [
      `meta l4proto tcp meta mark ${TRANSPARENT_MARK} ct mark set ${TRANSPARENT_MARK} return`,
      `ct mark ${TRANSPARENT_MARK} meta mark set ${TRANSPARENT_MARK} return`,
      `ip saddr ${INBOUND_SOURCE.ip} return`,
      `ip6 saddr ${INBOUND_SOURCE.ip6} return`,
      ...['skuid', 'skgid'].flatMap((who) => [
        `oifname "lo" meta ${who} ${uid} ip daddr != 127.0.0.1 tcp dport != ${HBONE} meta mark set ${TO_ITSELF_MARK}`,
        `oifname "lo" meta ${who} ${uid} ip6 daddr != ::1 tcp dport != ${HBONE} meta mark set ${TO_ITSELF_MARK}`,
      ]),
    ]),
    ...chain('transparent', 'type filter hook prerouting priority mangle; policy accept;', [
      ...(others.length === 0 ? [] : [`iifname ${names(others)} return`]),
      `iifname "lo" meta mark != ${TO_ITSELF_MARK} return`,
      'ct direction reply return',
      `tcp dport ${set(include === '*' ? [...OWN_PORTS, ...exclude] : OWN_PORTS)} return`,
      ...(include === '*'
        ? [`meta l4proto tcp ${hand}`]
        : include.length > 0
          ? [`tcp dport ${set(include)} ${hand}`]
          : []),
    ]),
  ];
}

/** Excluded addresses first, then what is redirected. */
function outboundTargets(plan: CapturePlan): string[] {
  const { outboundPort: port, includeOutboundRanges: include } = plan;
  const rules = byFamily(plan.excludeOutboundRanges).map(([family, list]) => `${family} daddr ${list} return`);
  if (plan.includeOutboundPorts.length > 0)
    rules.push(`tcp dport ${set(plan.includeOutboundPorts)} redirect to :${port}`);
  if (include === '*') rules.push(`meta l4proto tcp redirect to :${port}`);
  else
    rules.push(
      ...byFamily(include).map(([family, list]) => `${family} daddr ${list} meta l4proto tcp redirect to :${port}`),
    );
  return rules;
}

function byFamily(ranges: readonly string[]): (readonly ['ip' | 'ip6', string])[] {
  const v4 = ranges.filter((range) => !range.includes(':'));
  const v6 = ranges.filter((range) => range.includes(':'));
  return [...v4.map((one) => ['ip', one] as const), ...v6.map((one) => ['ip6', one] as const)];
}

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  return [`  chain ${name} {`, `    ${hook}`, ...rules.map((rule) => `    ${rule}`), '  }'];
}

function set(ports: readonly number[]): string {
  return `{ ${[...new Set(ports)].sort((a, b) => a - b).join(', ')} }`;
}

function names(interfaces: readonly string[]): string {
  return `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}
