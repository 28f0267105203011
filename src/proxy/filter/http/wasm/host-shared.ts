// Host functions about what outlives a stream: shared data, shared queues, metrics.

import type { Counter, Gauge, Histogram } from '#telemetry';
import { METRIC_KINDS, STATUS } from './abi.ts';
import type { HostTable } from './host-functions.ts';
import { WASM_LIMITS } from './limits.ts';
import type { Machine } from './machine.ts';

type Metric =
  | { readonly kind: 'counter'; readonly stat: Counter }
  | { readonly kind: 'gauge'; readonly stat: Gauge }
  | { readonly kind: 'histogram'; readonly stat: Histogram };

interface Metrics {
  readonly byName: Map<string, number>;
  readonly all: Metric[];
}
const METRICS = new WeakMap<Machine, Metrics>();

function metricsOf(machine: Machine): Metrics {
  let found = METRICS.get(machine);
  if (found === undefined) METRICS.set(machine, (found = { byName: new Map(), all: [] }));
  return found;
}

function metric(machine: Machine, id: number): Metric | undefined {
  return metricsOf(machine).all[id - 1];
}

export const sharedFunctions: HostTable = {
  proxy_get_shared_data: (machine, _, key, keySize, pointer, size, cas) => {
    const { memory, parts } = machine;
    const found = parts.shared.get(memory.latin1(key, keySize));
    if (found === undefined) return STATUS.notFound;
    memory.give(found.value, pointer, size);
    memory.setU32(cas, found.cas);
    return STATUS.ok;
  },
  proxy_set_shared_data: (machine, _, key, keySize, value, size, cas) => {
    if ((keySize >>> 0) + (size >>> 0) > WASM_LIMITS.sharedDataBytesMax) return STATUS.internalFailure;
    return machine.parts.shared.set(machine.memory.latin1(key, keySize), machine.memory.copy(value, size), cas >>> 0);
  },
  proxy_register_shared_queue: (machine, { root }, name, nameSize, pointer) => {
    if (nameSize >>> 0 > WASM_LIMITS.metricNameBytesMax) return STATUS.badArgument;
    const queue = machine.parts.shared.register(machine.memory.latin1(name, nameSize), () =>
      root.queueReady(queue?.id ?? 0),
    );
    if (queue === undefined) return STATUS.internalFailure;
    machine.memory.setU32(pointer, queue.id);
    return STATUS.ok;
  },
  // Other vm_ids' queues are not to be seen.
  proxy_resolve_shared_queue: (machine, { root }, vmId, vmIdSize, name, nameSize, pointer) => {
    if ((vmIdSize >>> 0) + (nameSize >>> 0) > 2 * WASM_LIMITS.metricNameBytesMax) return STATUS.notFound;
    const of = machine.memory.utf8(vmId, vmIdSize);
    const queue =
      of === '' || of === root.vmId ? machine.parts.shared.resolve(machine.memory.latin1(name, nameSize)) : undefined;
    if (queue === undefined) return STATUS.notFound;
    machine.memory.setU32(pointer, queue.id);
    return STATUS.ok;
  },
  proxy_enqueue_shared_queue: (machine, _, id, value, size) => {
    const { shared, clock } = machine.parts;
    const queue = shared.queue(id);
    if (queue === undefined) return STATUS.notFound;
    if (size >>> 0 > WASM_LIMITS.queueBytesMax || !shared.put(queue, machine.memory.copy(value, size)))
      return STATUS.internalFailure;
    clock.setTimer(0, () => shared.tell(queue), { unref: true });
    return STATUS.ok;
  },
  proxy_dequeue_shared_queue: (machine, _, id, pointer, size) => {
    const queue = machine.parts.shared.queue(id);
    if (queue === undefined) return STATUS.notFound;
    const first = machine.parts.shared.take(queue);
    if (first === undefined) return STATUS.empty;
    machine.memory.give(first, pointer, size);
    return STATUS.ok;
  },
  proxy_define_metric: (machine, _, kind, name, nameSize, pointer) => {
    const known = metricsOf(machine);
    const type = METRIC_KINDS[kind];
    if (nameSize >>> 0 > WASM_LIMITS.metricNameBytesMax) return STATUS.badArgument;
    const text = machine.memory.utf8(name, nameSize);
    if (type === undefined || text === '') return STATUS.badArgument;
    let id = known.byName.get(`${type} ${text}`);
    if (id === undefined) {
      if (known.all.length >= WASM_LIMITS.metricsMax) return STATUS.internalFailure;
      const made = defined(machine, type, `wasmcustom.${text}`);
      if (made === undefined) return STATUS.badArgument;
      id = known.all.push(made);
      known.byName.set(`${type} ${text}`, id);
    }
    machine.memory.setU32(pointer, id);
    return STATUS.ok;
  },
  proxy_increment_metric: (machine, _, id, offset) => {
    const found = metric(machine, id);
    // An i64 arrives as a BigInt.
    const by = Number(offset);
    if (found === undefined) return STATUS.notFound;
    if (found.kind === 'histogram' || (found.kind === 'counter' && by < 0)) return STATUS.badArgument;
    found.stat.add(by);
    return STATUS.ok;
  },
  proxy_record_metric: (machine, _, id, value) => {
    const found = metric(machine, id);
    if (found === undefined) return STATUS.notFound;
    const to = Number(BigInt.asUintN(64, BigInt(value)));
    if (found.kind === 'counter') found.stat.add(Math.max(0, to - found.stat.value));
    else if (found.kind === 'gauge') found.stat.set(to);
    else found.stat.observe(to);
    return STATUS.ok;
  },
  proxy_get_metric: (machine, _, id, pointer) => {
    const found = metric(machine, id);
    if (found === undefined) return STATUS.notFound;
    if (found.kind === 'histogram') return STATUS.badArgument;
    machine.memory.setU64(pointer, BigInt(Math.trunc(found.stat.value)));
    return STATUS.ok;
  },
};

/** Undefined when the name is another kind's. */
function defined({ parts }: Machine, kind: Metric['kind'], name: string): Metric | undefined {
  try {
    switch (kind) {
      case 'counter':
        return { kind, stat: parts.stats.counter(name) };
      case 'gauge':
        return { kind, stat: parts.stats.gauge(name) };
      default:
        return { kind, stat: parts.stats.histogram(name) };
    }
  } catch {
    return undefined;
  }
}
