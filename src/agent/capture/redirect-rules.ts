// The nftables rules of a captured namespace: what the application sends goes to 15001, its DNS to 15053, what comes
// in from outside to 15006 (inventory §4; Istio's order). What cannot be captured is refused, not let through.
import { CAPTURE_PORTS, PROXY_SOURCE } from './capture-ports.ts';

export interface RedirectSettings {
  /** The workload's own address inside the namespace. */
  readonly address: string;
  /** The link that leads outside; undefined where nothing comes in by itself (own user namespace). */
  readonly link: string | undefined;
}

/** Text for `nft -f -`; the table is made anew, so that applying it twice is applying it once. */
export function redirectRules(settings: RedirectSettings): string {
  const { outbound, inbound, dns } = CAPTURE_PORTS;
  const { address, link } = settings;
  const local = `{ 127.0.0.0/8, ${checkedAddress(address)} }`;
  const name = link === undefined ? undefined : checkedLink(link);
  return `table ip topsail
delete table ip topsail
table ip topsail {
  chain istio_output {
    type nat hook output priority -100; policy accept;
    ip saddr ${PROXY_SOURCE} return
    udp dport 53 redirect to :${dns}
    tcp dport 53 redirect to :${dns}
    ip daddr ${local} return
    meta l4proto tcp redirect to :${outbound}
  }
${
  name === undefined
    ? ''
    : `  chain istio_inbound {
    type nat hook prerouting priority -100; policy accept;
    iifname "${name}" meta l4proto tcp redirect to :${inbound}
  }
  chain guard_input {
    type filter hook input priority 0; policy accept;
    iifname "${name}" meta l4proto != { tcp, icmp } drop
  }
`
}  chain guard_output {
    type filter hook output priority 0; policy accept;
    ip daddr ${local} accept
    meta l4proto tcp accept
    ct direction reply accept
    reject with icmp type admin-prohibited
  }
}
`;
}

/** For `ip -batch -`: everything is local, so that a connection to any address has a route and meets the rules. */
export function addressCommands(settings: RedirectSettings): string {
  const address = checkedAddress(settings.address);
  return `link set lo up
address add ${address}/32 dev lo
route add local default dev lo src ${address} table main
`;
}

/** These texts become commands: only what is certainly an address or a link's name. */
function checkedAddress(text: string): string {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) throw new RangeError(`"${text}" is no IPv4 address`);
  return text;
}

function checkedLink(text: string): string {
  if (!/^[a-z][a-z0-9]{0,14}$/.test(text)) throw new RangeError(`"${text}" is no link name`);
  return text;
}
