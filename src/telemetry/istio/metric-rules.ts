// What a mesh changes about the standard metrics (stats.PluginConfig): metrics that are off, labels dropped or made of expressions.

import { err, ok, type Result } from '#base';
import { type CelProgram, type CelTools, compileCel } from '../cel/index.ts';

/** One entry of PluginConfig.metrics, as it is decoded. */
export interface MetricConfig {
  /** With or without the prefix istio_; '' = every metric. */
  readonly name: string;
  readonly drop: boolean;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly tagsToRemove: readonly string[];
}

export interface MetricRule {
  readonly off: boolean;
  readonly removed: ReadonlySet<string>;
  readonly labels: readonly (readonly [name: string, value: CelProgram])[];
}

export class MetricRules {
  /** Equal configurations count into the same series. */
  readonly key: string;
  readonly #byName = new Map<string, MetricRule>();
  readonly #all: MetricRule;

  constructor(key: string, all: MetricRule, byName: ReadonlyMap<string, MetricRule>) {
    this.key = key;
    this.#all = all;
    for (const [name, rule] of byName) this.#byName.set(name, rule);
  }

  /** `name` without the prefix istio_. */
  of(name: string): MetricRule {
    return this.#byName.get(name) ?? this.#all;
  }

  /** Nothing is counted at all. */
  get off(): boolean {
    return this.#all.off && [...this.#byName.values()].every((rule) => rule.off);
  }
}

/** Undefined: the configuration changes nothing. What is said of all metrics holds for each that says nothing else. */
export function compileMetricRules(
  metrics: readonly MetricConfig[],
  tools: CelTools,
): Result<MetricRules | undefined, string> {
  if (metrics.length === 0) return ok(undefined);
  const all = { off: false, removed: new Set<string>(), labels: new Map<string, CelProgram>() };
  const byName = new Map<string, typeof all>();
  // First what is for all, so that the order of the list does not matter.
  for (const config of [...metrics].sort((a, b) => Number(a.name !== '') - Number(b.name !== ''))) {
    const name = config.name.replace(/^istio_/, '');
    const into =
      name === ''
        ? all
        : (byName.get(name) ?? { off: all.off, removed: new Set(all.removed), labels: new Map(all.labels) });
    if (name !== '') byName.set(name, into);
    // An entry for one metric that does not drop it brings it back.
    into.off = config.drop;
    for (const label of config.tagsToRemove) {
      into.removed.add(label);
      into.labels.delete(label);
    }
    for (const [label, expression] of Object.entries(config.dimensions)) {
      const program = compileCel(expression, tools);
      if (!program.ok) return err(`${label}: ${program.error}`);
      into.labels.set(label, program.value);
    }
  }
  const rule = (from: typeof all): MetricRule => ({ off: from.off, removed: from.removed, labels: [...from.labels] });
  return ok(
    new MetricRules(JSON.stringify(metrics), rule(all), new Map([...byName].map(([name, from]) => [name, rule(from)]))),
  );
}
