// HTTP filter envoy.filters.http.health_check: answers matching requests itself, so that a prober need not reach the application.

import type { HealthCheck } from '#proto/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { HttpFilterExtension } from '../../http/filter.ts';
import { compileHeaderMatchers } from '../../matcher/header-matcher.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck';

export const healthCheckExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.health_check',
  typeUrl: TYPE,
  build: (config, _, filterName) => {
    const message = decodeMessage<HealthCheck>(TYPE, config, filterName);
    if (message.passThroughMode === undefined)
      throw new ConfigError('proxy.field-required', `${filterName}.pass_through_mode`);
    if (Object.keys(message.clusterMinHealthyPercentages).length > 0)
      throw new ConfigError(
        'proxy.unsupported',
        `${filterName}.cluster_min_healthy_percentages`,
        'health of clusters is not asked',
      );
    if (message.cacheTime !== undefined)
      throw new ConfigError('proxy.unsupported', `${filterName}.cache_time`, 'answers of the application are not kept');
    const matches = compileHeaderMatchers(message.headers, `${filterName}.headers`);
    const passThrough = message.passThroughMode;
    return {
      name: filterName,
      create: (callbacks) => ({
        requestHead: (head) => {
          if (passThrough || (matches !== undefined && !matches(head))) return 'continue';
          callbacks.reply({ status: 200, body: '', details: 'health_check_ok' });
          return 'stop';
        },
      }),
    };
  },
};
