// The functions that a plugin calls (Proxy-Wasm ABI 0.1.0 to 0.2.1, module "env"). A bad pointer is the guest's fault and is
// answered with a status; nothing that a guest passes throws out of here.

import { STATUS } from './abi.ts';
import { BadPointer } from './guest-memory.ts';
import { callFunctions } from './host-calls.ts';
import { streamFunctions } from './host-streams.ts';
import { sharedFunctions } from './host-shared.ts';
import { WASM_LIMITS } from './limits.ts';
import type { GuestContext, Machine } from './machine.ts';

export type HostFunction = (...args: number[]) => number;
export type HostTable = Readonly<
  Record<string, (machine: Machine, context: GuestContext, ...args: number[]) => number>
>;

const LEVELS = ['debug', 'debug', 'info', 'warn', 'error', 'error'] as const;
const INFO = 2;

const GENERAL: HostTable = {
  proxy_log: (machine, { root }, level, pointer, size) => {
    const text = machine.memory.utf8(pointer, Math.min(size >>> 0, WASM_LIMITS.logLineBytesMax));
    if (!machine.mayLog()) return STATUS.internalFailure;
    root.log[LEVELS[level ?? INFO] ?? 'info'](text);
    return STATUS.ok;
  },
  proxy_get_log_level: (machine, _, pointer) => {
    machine.memory.setU32(pointer, INFO);
    return STATUS.ok;
  },
  proxy_set_tick_period_milliseconds: (_, { root }, ms) => {
    root.setTick(ms >>> 0);
    return STATUS.ok;
  },
  proxy_get_current_time_nanoseconds: (machine, _, pointer) => {
    machine.memory.setU64(pointer, BigInt(Math.round(machine.parts.clock.wallTime() * 1000)) * 1000n);
    return STATUS.ok;
  },
  proxy_set_effective_context: (machine, _, id) => {
    const context = machine.contexts.get(id);
    if (context === undefined) return STATUS.badArgument;
    machine.current = context;
    return STATUS.ok;
  },
  proxy_done: (_, context) => (context.done() ? STATUS.ok : STATUS.notFound),
  proxy_get_configuration: (machine, context, pointer, size) => {
    machine.memory.give(context.buffer(7) ?? EMPTY, pointer, size);
    return STATUS.ok;
  },
  proxy_get_property: (machine, context, path, pathSize, pointer, size) => {
    if (pathSize >>> 0 > WASM_LIMITS.propertyBytesMax) return STATUS.notFound;
    const found = context.property(pathOf(machine.memory.utf8(path, pathSize)));
    if (found === undefined) return STATUS.notFound;
    machine.memory.give(found, pointer, size);
    return STATUS.ok;
  },
  proxy_set_property: (machine, context, path, pathSize, value, size) => {
    if ((pathSize >>> 0) + (size >>> 0) > WASM_LIMITS.propertyBytesMax) return STATUS.badArgument;
    return context.setProperty(pathOf(machine.memory.utf8(path, pathSize)), machine.memory.latin1(value, size))
      ? STATUS.ok
      : STATUS.badArgument;
  },
  proxy_call_foreign_function: (machine, context, name, nameSize) => {
    if (nameSize >>> 0 > 100 || machine.memory.utf8(name, nameSize) !== 'clear_route_cache') return STATUS.notFound;
    context.clearRoute();
    return STATUS.ok;
  },
};

const EMPTY = Buffer.alloc(0);
const TABLE: HostTable = { ...GENERAL, ...streamFunctions, ...sharedFunctions, ...callFunctions };

export function hostFunctions(machine: () => Machine): ReadonlyMap<string, HostFunction> {
  const found = new Map<string, HostFunction>();
  for (const [name, host] of Object.entries(TABLE))
    found.set(name, (...args) => {
      const self = machine();
      const context = self.current;
      // While the module is started there is no context: only the log is there for it.
      if (context === undefined) return name === 'proxy_log' ? STATUS.ok : STATUS.badArgument;
      try {
        return host(self, context, ...args);
      } catch (error) {
        if (error instanceof BadPointer) return STATUS.invalidMemory;
        throw error;
      }
    });
  // AssemblyScript's way to trap.
  found.set('abort', () => {
    throw new Error('the plugin aborted');
  });
  return found;
}

/** Parts are separated by zero bytes; some modules end with one. */
function pathOf(text: string): readonly string[] {
  const parts = text.split('\0');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}
