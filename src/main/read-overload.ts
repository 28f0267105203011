// Of a bootstrap's overload_manager: when streams that hold memory are reset, what Envoy would refuse, and what stands in it and means nothing here.

import type { Bootstrap } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { OverloadAction, OverloadManager, Trigger } from '#proto/envoy/config/overload/v3/overload_pb.ts';
import type { StreamReset } from '#proxy';
import { twice } from './check-meanings.ts';

const RESET_STREAMS = 'envoy.overload_actions.reset_high_memory_stream';
/** What they measure is memory; ours is a share of what the process may have, whatever limit they name. */
const MEMORY: ReadonlySet<string> = new Set([
  'envoy.resource_monitors.fixed_heap',
  'envoy.resource_monitors.cgroup_memory',
]);
const ACTIONS: ReadonlySet<string> = new Set(
  [
    'stop_accepting_requests',
    'disable_http_keepalive',
    'stop_accepting_connections',
    'reject_incoming_connections',
    'shrink_heap',
    'reduce_timeouts',
    'reset_high_memory_stream',
    'close_idle_http_connections',
  ].map((name) => `envoy.overload_actions.${name}`),
);

export interface OverloadReading {
  /** Undefined: nothing is said of it. */
  readonly streamReset: StreamReset | undefined;
  /** Fields that mean nothing here. */
  readonly without: readonly string[];
}

export function readOverload({ overloadManager }: Bootstrap): OverloadReading {
  if (overloadManager === undefined) return { streamReset: undefined, without: [] };
  const { resourceMonitors, actions, loadshedPoints, refreshInterval, bufferFactoryConfig } = overloadManager;
  const ours = actions.find(({ name }) => name === RESET_STREAMS);
  const triggers = ours?.triggers.filter(({ name }) => MEMORY.has(name)) ?? [];
  const others = ours?.triggers.filter(({ name }) => !MEMORY.has(name)) ?? [];
  const told = (field: string, names: readonly { readonly name: string }[]): string[] =>
    names.map(({ name }) => `overload_manager.${field} "${name}"`);
  const without = [
    ...(refreshInterval === undefined ? [] : ['overload_manager.refresh_interval']),
    ...told('resource_monitors', resourceMonitors),
    ...told(
      'actions',
      actions.filter((action) => action !== ours),
    ),
    ...told('actions.triggers', others),
    ...told('loadshed_points', loadshedPoints),
  ];
  if (triggers.length === 0) return { streamReset: undefined, without };
  return {
    without,
    streamReset: {
      from: Math.min(...triggers.map((trigger) => rangeOf(trigger)[0])),
      full: Math.min(...triggers.map((trigger) => rangeOf(trigger)[1])),
      leastBytes: 2 ** (bufferFactoryConfig?.minimumAccountToTrackPowerOfTwo ?? 0),
    },
  };
}

/** What Envoy refuses beside its fields' own rules; undefined: nothing. */
export function overloadFault(manager: OverloadManager): string | undefined {
  const { resourceMonitors, actions, loadshedPoints, bufferFactoryConfig } = manager;
  const monitors = resourceMonitors.map(({ name }) => name);
  const double = twice(monitors);
  if (double !== undefined) return `.resource_monitors: two have the name "${double}"`;
  const doubleAction = twice(actions.map(({ name }) => name));
  if (doubleAction !== undefined) return `.actions: two have the name "${doubleAction}"`;
  for (const action of actions) {
    if (!ACTIONS.has(action.name)) return `.actions: there is no action "${action.name}"`;
    if (action.name === RESET_STREAMS && bufferFactoryConfig === undefined)
      return `.buffer_factory_config: is required by "${action.name}"`;
  }
  for (const [field, list] of [
    ['actions', actions],
    ['loadshed_points', loadshedPoints],
  ] as const)
    for (const one of list) {
      const fault = triggersFault(one, new Set(monitors));
      if (fault !== undefined) return `.${field} "${one.name}".triggers: ${fault}`;
    }
  return undefined;
}

function triggersFault(
  { triggers }: Pick<OverloadAction, 'triggers'>,
  monitors: ReadonlySet<string>,
): string | undefined {
  const double = twice(triggers.map(({ name }) => name));
  if (double !== undefined) return `two have the name "${double}"`;
  for (const { name, triggerOneof } of triggers) {
    if (!monitors.has(name)) return `there is no resource monitor "${name}"`;
    if (triggerOneof.case === 'scaled' && triggerOneof.value.scalingThreshold >= triggerOneof.value.saturationThreshold)
      return `"${name}": scaling_threshold must be less than saturation_threshold`;
  }
  return undefined;
}

function rangeOf({ triggerOneof }: Trigger): readonly [from: number, full: number] {
  if (triggerOneof.case === 'scaled')
    return [triggerOneof.value.scalingThreshold, triggerOneof.value.saturationThreshold];
  const value = triggerOneof.value?.value ?? 1;
  return [value, value];
}
