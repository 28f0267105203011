// The DNS proxy of a captured workload on its sockets: 15053 over UDP (handed over) and TCP (inside the namespace).
import type { Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import {
  CAPTURE_PORTS,
  DNS_LIMITS,
  DnsProxy,
  DnsTcpSession,
  type MeshNames,
  type ResolvConf,
  readResolvConf,
} from '#agent';
import type { Clock, Conn, Logger, Net, Random } from '#base';
import { askResolver, serveDnsUdp } from '#io';

const RESOLV_CONF = '/etc/resolv.conf';
/** A laptop changes networks; its file is read again no more often than this. */
const READ_EVERY_MS = 5000;

export interface CaptureDnsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly names: MeshNames;
  readonly namespace: {
    /** Bound to the DNS proxy's port, one for each of `hosts`. */
    readonly dns: readonly Socket[];
    readonly hosts: readonly string[];
    readonly net: Pick<Net, 'listen'>;
  };
}

export async function serveDns(options: CaptureDnsOptions): Promise<{ close(): Promise<void> }> {
  const { clock, random, names, namespace } = options;
  const log = options.log.scope('dns');
  const proxy = new DnsProxy({
    names,
    random,
    log,
    clock,
    hostResolvers: hostResolvers(clock),
    transport: { ask: askResolver },
  });
  const udp = namespace.dns.map((socket) => serveDnsUdp(socket, (query) => proxy.answer(query, 'udp')));
  let connections = 0;
  const accept = (conn: Conn): void => {
    if (connections >= DNS_LIMITS.tcpConnectionsMax) return conn.destroy(true);
    connections += 1;
    new DnsTcpSession(conn, proxy, clock, () => {
      connections -= 1;
    });
  };
  const tcp = await Promise.all(
    namespace.hosts.map((host) => namespace.net.listen({ host, port: CAPTURE_PORTS.dns }, accept)),
  );
  return {
    /** Resolves when every question that was taken has its answer. */
    close: async () => {
      for (const one of tcp) one.close();
      await Promise.all(udp.map((one) => one.close()));
    },
  };
}

function hostResolvers(clock: Clock): () => ResolvConf {
  let known = readResolvConf('');
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.now() - readAt < READ_EVERY_MS) return known;
    readAt = clock.now();
    try {
      known = readResolvConf(readFileSync(RESOLV_CONF, 'utf8'));
    } catch {
      known = readResolvConf('');
    }
    return known;
  };
}
