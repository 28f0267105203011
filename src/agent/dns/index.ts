// The DNS proxy of a captured workload (design §3c).
export { DnsProxy, type DnsProxyOptions, type DnsTransport, type DnsVia } from './dns-proxy.ts';
export { DNS_LIMITS } from './limits.ts';
export { MeshNames } from './name-table.ts';
export { type ResolvConf, readResolvConf } from './resolv-conf.ts';
export { DnsTcpSession } from './tcp-session.ts';
