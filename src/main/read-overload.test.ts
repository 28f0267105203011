import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBootstrap } from './read-bootstrap.ts';

const HEAP = 'envoy.resource_monitors.fixed_heap';
const RESET = 'envoy.overload_actions.reset_high_memory_stream';
const MONITORS = [HEAP, 'envoy.resource_monitors.cpu_utilization'].map((name) => ({ name }));

async function read(manager: object) {
  const { streamReset, without } = await readBootstrap(
    JSON.stringify({ overload_manager: { resource_monitors: MONITORS, ...manager } }),
  );
  return { streamReset, without };
}

const ofMonitors = MONITORS.map(({ name }) => `overload_manager.resource_monitors "${name}"`);

test('thresholds and least size of streams that are reset', async () => {
  const scaled = { scaling_threshold: 0.85, saturation_threshold: 0.95 };
  const manager = (trigger: object) => ({
    buffer_factory_config: { minimum_account_to_track_power_of_two: 20 },
    actions: [{ name: RESET, triggers: [{ name: HEAP, ...trigger }] }],
  });
  assert.deepEqual(await read(manager({ scaled })), {
    streamReset: { from: 0.85, full: 0.95, leastBytes: 2 ** 20 },
    without: ofMonitors,
  });
  assert.deepEqual((await read(manager({ threshold: { value: 0.9 } }))).streamReset, {
    from: 0.9,
    full: 0.9,
    leastBytes: 2 ** 20,
  });
});

test('what means nothing here is told by name', async () => {
  const triggers = [{ name: 'envoy.resource_monitors.cpu_utilization', threshold: { value: 0.9 } }];
  const seen = await read({
    buffer_factory_config: { minimum_account_to_track_power_of_two: 20 },
    refresh_interval: '1s',
    actions: [
      { name: RESET, triggers },
      { name: 'envoy.overload_actions.shrink_heap', triggers },
    ],
    loadshed_points: [{ name: 'envoy.load_shed_points.tcp_listener_accept', triggers }],
  });
  assert.deepEqual(seen, {
    streamReset: undefined,
    without: [
      'overload_manager.refresh_interval',
      ...ofMonitors,
      'overload_manager.actions "envoy.overload_actions.shrink_heap"',
      'overload_manager.actions.triggers "envoy.resource_monitors.cpu_utilization"',
      'overload_manager.loadshed_points "envoy.load_shed_points.tcp_listener_accept"',
    ],
  });
});

test('it is refused where Envoy refuses it', async () => {
  const trigger = { name: HEAP, threshold: { value: 0.9 } };
  const factory = { minimum_account_to_track_power_of_two: 20 };
  const equal = { name: HEAP, scaled: { scaling_threshold: 0.9, saturation_threshold: 0.9 } };
  for (const [manager, words] of [
    [{ actions: [{ name: RESET, triggers: [trigger] }] }, /buffer_factory_config: is required/],
    [{ buffer_factory_config: { minimum_account_to_track_power_of_two: 9 } }, /power_of_two/],
    [{ actions: [{ name: 'envoy.overload_actions.odd', triggers: [trigger] }] }, /there is no action/],
    [
      { buffer_factory_config: factory, actions: [{ name: RESET, triggers: [{ ...trigger, name: 'odd' }] }] },
      /there is no resource monitor "odd"/,
    ],
    [
      { buffer_factory_config: factory, actions: [{ name: RESET, triggers: [trigger, trigger] }] },
      /triggers: two have the name/,
    ],
    [{ buffer_factory_config: factory, actions: [{ name: RESET, triggers: [equal] }] }, /must be less than/],
    [{ resource_monitors: [...MONITORS, ...MONITORS] }, /resource_monitors: two have the name/],
  ] as const)
    await assert.rejects(read(manager), words);
});
