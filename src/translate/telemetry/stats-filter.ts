// What a mesh changes about Istio's metrics, as the configuration of the istio.stats filter (pilot/pkg/model/telemetry.go).

import { toBinary, create } from '@bufbuild/protobuf';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { PluginConfigSchema } from '#proto/istio/stats/config_pb.ts';
import type { SideTelemetry } from '#registry';
import { duration, type Init, typed } from '../encode.ts';

/** Undefined: the standard metrics as they are. */
export function statsConfig({ metrics, reportingMs }: SideTelemetry): Init<typeof PluginConfigSchema> | undefined {
  if (metrics.length === 0 && reportingMs === undefined) return undefined;
  return {
    ...(reportingMs === undefined ? {} : { tcpReportingDuration: duration(reportingMs) }),
    metrics: metrics.map(({ name, disabled, tags }) => ({
      name,
      drop: disabled === true,
      dimensions: Object.fromEntries(
        [...tags]
          .flatMap(([tag, value]) => (value === null ? [] : [[tag, value] as const]))
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
      tagsToRemove: [...tags].flatMap(([tag, value]) => (value === null ? [tag] : [])).sort(),
    })),
  };
}

export function statsFilter(config: Init<typeof PluginConfigSchema>): Init<typeof HttpFilterSchema> {
  return typed('istio.stats', PluginConfigSchema, config);
}

/** For the name of a stock Envoy's log, which is all that reaches its agent beside the entries. */
export function statsText(config: Init<typeof PluginConfigSchema>): string {
  return Buffer.from(toBinary(PluginConfigSchema, create(PluginConfigSchema, config))).toString('base64url');
}
