// Network filters local_ratelimit and connection_limit: refuse connections above a rate or a number; counts are shared by all connections of a filter.

import type { ConnectionLimit } from '#proto/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import type { LocalRateLimit } from '#proto/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { NetworkFilterExtension } from '../../network/filter.ts';
import { readBucket, TokenBucket } from '../token-bucket.ts';

const RATE_TYPE = 'type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit';
const LIMIT_TYPE = 'type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit';

export const networkLocalRateLimitExtension: NetworkFilterExtension = {
  name: 'envoy.filters.network.local_ratelimit',
  typeUrl: RATE_TYPE,
  build: (config, context, filterName) => {
    const message = decodeMessage<LocalRateLimit>(RATE_TYPE, config, filterName);
    if (message.tokenBucket === undefined) throw new ConfigError('proxy.field-required', `${filterName}.token_bucket`);
    const bucket = new TokenBucket(readBucket(message.tokenBucket, `${filterName}.token_bucket`));
    const enabled = message.runtimeEnabled?.defaultValue ?? true;
    return {
      name: filterName,
      create: (connection, record) => ({
        onConnection: () => {
          if (!enabled || bucket.take(context.clock.now())) return 'continue';
          record.addFlag('RL');
          connection.close('local_rate_limited');
          return 'stop';
        },
      }),
    };
  },
};

export const connectionLimitExtension: NetworkFilterExtension = {
  name: 'envoy.filters.network.connection_limit',
  typeUrl: LIMIT_TYPE,
  build: (config, context, filterName) => {
    const message = decodeMessage<ConnectionLimit>(LIMIT_TYPE, config, filterName);
    const max = Number(message.maxConnections ?? 0n);
    if (max < 1) throw new ConfigError('proxy.field-invalid', `${filterName}.max_connections`, 'must be above 0');
    if (message.delay !== undefined)
      context.log.warn(`${filterName}.delay has no effect: connections above the limit are closed at once`);
    const enabled = message.runtimeEnabled?.defaultValue ?? true;
    let active = 0;
    return {
      name: filterName,
      create: (connection) => {
        let counted = false;
        return {
          onConnection: () => {
            if (enabled && active >= max) {
              connection.close('connection_limit');
              return 'stop';
            }
            active++;
            counted = true;
            return 'continue';
          },
          onClose: () => {
            if (counted) active--;
            counted = false;
          },
        };
      },
    };
  },
};
