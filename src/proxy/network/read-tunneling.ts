// Reads tunneling_config of the TCP proxy.

import type { TcpProxy_TunnelingConfig } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { ConfigError } from '../errors.ts';
import type { TunnelSettings } from './http-tunnel.ts';

/** Throws a ConfigError for what Envoy would refuse too, and for a host that is made of what a connection says. */
export function readTunneling(config: TcpProxy_TunnelingConfig | undefined, field: string): TunnelSettings | undefined {
  if (config === undefined) return undefined;
  const { hostname, usePost, postPath } = config;
  if (hostname === '') throw new ConfigError('proxy.field-required', `${field}.hostname`);
  if (hostname.includes('%'))
    throw new ConfigError(
      'proxy.unsupported',
      `${field}.hostname`,
      'command operators are not filled in: name the host',
    );
  if (!/^[\x21-\x7e]+$/.test(hostname))
    throw new ConfigError('proxy.field-invalid', `${field}.hostname`, 'holds what no request may');
  if (!usePost && postPath !== '')
    throw new ConfigError('proxy.field-invalid', `${field}.post_path`, 'belongs to use_post: true');
  if (!/^[\x21-\x7e]*$/.test(postPath))
    throw new ConfigError('proxy.field-invalid', `${field}.post_path`, 'holds what no request may');
  return { authority: hostname, postPath: usePost ? postPath || '/' : undefined };
}
