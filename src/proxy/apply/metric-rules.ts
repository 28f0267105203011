// What the filter istio.stats of a chain says about Istio's metrics; the filter itself is passive, the reporter counts.

import type { Any } from '@bufbuild/protobuf/wkt';
import type { PluginConfig } from '#proto/istio/stats/config_pb.ts';
import { compileMetricRules, type MetricRules, TCP_REPORT_MS } from '#telemetry';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import { linearPattern } from '../matcher/linear-pattern.ts';
import type { CompileContext } from './compile-manager.ts';
import { unpack } from './decode.ts';

const STATS = 'stats.PluginConfig';

interface Named {
  readonly name: string;
  readonly configType: { readonly case: string | undefined; readonly value?: unknown };
}

export interface MetricSettings {
  /** Undefined: the standard metrics as they are. */
  readonly rules: MetricRules | undefined;
  /** How often living TCP connections are reported. */
  readonly tcpReportMs: number;
}

export function metricSettings(filters: readonly Named[], context: CompileContext, field: string): MetricSettings {
  for (const { name, configType } of filters) {
    if (configType.case !== 'typedConfig') continue;
    const config = unpack<PluginConfig>(configType.value as Any, STATS, name);
    if (config === undefined) continue;
    const at = `${field} "${name}"`;
    if (config.definitions.length > 0) context.warn(`${at}.definitions`, 'only the standard metrics are counted');
    const rules = compileMetricRules(config.metrics, { pattern: (source) => linearPattern(source, at) });
    if (!rules.ok) throw new ConfigError('proxy.field-invalid', `${at}.metrics`, rules.error);
    return { rules: rules.value, tcpReportMs: millisOf(config.tcpReportingDuration) ?? TCP_REPORT_MS };
  }
  return { rules: undefined, tcpReportMs: TCP_REPORT_MS };
}
