// WasmPlugins whose module cannot be had say so, and what becomes of requests meanwhile.

import type { ConfigView } from '#config';
import { type Condition, condition } from '#registry';
import type { SettledPlugins } from './snapshot.ts';

export function checkPlugins(config: ConfigView, plugins: SettledPlugins): readonly Condition[] {
  return config.list('WasmPlugin').flatMap((plugin) => {
    const settled = plugins.get(plugin.key);
    if (settled?.problem === undefined) return [];
    const effect =
      settled.module !== undefined
        ? 'the former module stays in force'
        : plugin.spec.failStrategy === 'FAIL_OPEN'
          ? 'requests pass it by (FAIL_OPEN)'
          : 'requests that it covers are denied';
    return [
      condition('TS-REG-019', plugin, { path: 'spec.url', url: plugin.spec.url, problem: settled.problem, effect }),
    ];
  });
}
