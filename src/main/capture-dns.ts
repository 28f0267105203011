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
import type { Clock, Logger, Net, Random } from '#base';
import { askResolver, serveDnsUdp } from '#io';

const RESOLV_CONF = '/etc/resolv.conf';
/** A laptop changes networks; its file is read again no more often than this. */
const READ_EVERY_MS = 5000;

export interface CaptureDnsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly names: MeshNames;
  readonly namespace: { readonly dns: Socket; readonly net: Pick<Net, 'listen'> };
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
  const udp = serveDnsUdp(namespace.dns, (query) => proxy.answer(query, 'udp'));
  let connections = 0;
  const tcp = await namespace.net.listen({ host: '127.0.0.1', port: CAPTURE_PORTS.dns }, (conn) => {
    if (connections >= DNS_LIMITS.tcpConnectionsMax) return conn.destroy(true);
    connections += 1;
    new DnsTcpSession(conn, proxy, clock, () => {
      connections -= 1;
    });
  });
  return {
    /** Resolves when every question that was taken has its answer. */
    close: () => {
      tcp.close();
      return udp.close();
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
