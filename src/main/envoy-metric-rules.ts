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

/** Undefined: the standard metrics, also where the configuration cannot be read. */
export function envoyMetricRules(bytes: Uint8Array | undefined, log: Logger): MetricRules | undefined {
  if (bytes === undefined) return undefined;
  try {
    const { metrics } = decodeLight('stats.PluginConfig', bytes) as PluginConfig;
    const rules = compileMetricRules(metrics, { pattern });
    if (rules.ok) return rules.value;
    log.warn('changes to metrics are not in force', { reason: rules.error });
  } catch (error) {
    log.warn('changes to metrics are not in force', { reason: (error as Error).message });
  }
  return undefined;
}
