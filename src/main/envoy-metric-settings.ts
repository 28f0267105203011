// Changes to Istio's metrics where a stock Envoy carries the traffic: they arrive in the name of its log, and the agent counts by them.
import { RE2JS } from 're2js';
import type { Logger } from '#base';
import { decodeLight } from '#proto/light.ts';
import type { PluginConfig } from '#proto/istio/stats/config_pb.ts';
import { compileMetricRules, type MetricRules } from '#telemetry';

function pattern(source: string): (text: string) => boolean {
  const compiled = RE2JS.compile(source);
  return (text) => compiled.test(text);
}

export interface EnvoyMetricSettings {
  readonly rules: MetricRules | undefined;
  readonly tcpReportMs: number | undefined;
}

/** Nothing set: the standard metrics, also where the configuration cannot be read. */
export function envoyMetricSettings(bytes: Uint8Array | undefined, log: Logger): EnvoyMetricSettings {
  const standard = { rules: undefined, tcpReportMs: undefined };
  if (bytes === undefined) return standard;
  try {
    const { metrics, tcpReportingDuration: every } = decodeLight('stats.PluginConfig', bytes) as PluginConfig;
    const rules = compileMetricRules(metrics, { pattern });
    const tcpReportMs = every === undefined ? undefined : Number(every.seconds) * 1000 + every.nanos / 1e6;
    if (rules.ok) return { rules: rules.value, tcpReportMs };
    log.warn('changes to metrics are not in force', { reason: rules.error });
  } catch (error) {
    log.warn('changes to metrics are not in force', { reason: (error as Error).message });
  }
  return standard;
}
