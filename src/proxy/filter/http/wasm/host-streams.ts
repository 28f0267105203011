// Host functions about the stream at hand: header maps, bodies, going on, answering.

import { decodePairs, encodePairs, STATUS } from './abi.ts';
import { plainPairs } from './header-map.ts';
import type { HostTable } from './host-functions.ts';
import { WASM_LIMITS } from './limits.ts';
import type { GuestContext, Machine } from './machine.ts';

type Change = 'set' | 'add';

function change(
  machine: Machine,
  context: GuestContext,
  how: Change,
  [type = 0, key = 0, keySize = 0, value = 0, valueSize = 0]: readonly number[],
): number {
  const map = context.map(type);
  if (map === undefined) return STATUS.badArgument;
  const { memory } = machine;
  const bytes = (keySize >>> 0) + (valueSize >>> 0);
  // As many small ones as may be are not too many bytes.
  const large = bytes > WASM_LIMITS.headersBytesMax / WASM_LIMITS.headersMax;
  if (map.size >= WASM_LIMITS.headersMax || (large && map.bytes + bytes > WASM_LIMITS.headersBytesMax))
    return STATUS.internalFailure;
  if (!map[how](memory.latin1(key, keySize), memory.latin1(value, valueSize))) return STATUS.badArgument;
  context.mapChanged(type);
  return STATUS.ok;
}

export const streamFunctions: HostTable = {
  proxy_get_header_map_value: (machine, context, type, key, keySize, pointer, size) => {
    const map = context.map(type);
    if (map === undefined) return STATUS.badArgument;
    const value = map.get(machine.memory.latin1(key, keySize));
    if (value === undefined) {
      machine.memory.giveLatin1('', pointer, size);
      return STATUS.notFound;
    }
    machine.memory.giveLatin1(value, pointer, size);
    return STATUS.ok;
  },
  proxy_add_header_map_value: (machine, context, ...args) => change(machine, context, 'add', args),
  proxy_replace_header_map_value: (machine, context, ...args) => change(machine, context, 'set', args),
  proxy_remove_header_map_value: (machine, context, type, key, keySize) => {
    const map = context.map(type);
    if (map === undefined) return STATUS.badArgument;
    map.remove(machine.memory.latin1(key, keySize));
    context.mapChanged(type);
    return STATUS.ok;
  },
  proxy_get_header_map_pairs: (machine, context, type, pointer, size) => {
    const map = context.map(type);
    if (map === undefined) return STATUS.badArgument;
    machine.memory.give(encodePairs(map.pairs()), pointer, size);
    return STATUS.ok;
  },
  proxy_get_header_map_size: (machine, context, type, size) => {
    const map = context.map(type);
    if (map === undefined) return STATUS.badArgument;
    machine.memory.setU32(size, encodePairs(map.pairs()).length);
    return STATUS.ok;
  },
  proxy_set_header_map_pairs: (machine, context, type, pointer, size) => {
    const map = context.map(type);
    if (size >>> 0 > WASM_LIMITS.headersBytesMax) return STATUS.badArgument;
    const pairs = decodePairs(machine.memory.bytes(pointer, size), WASM_LIMITS.headersMax);
    if (map === undefined || pairs === undefined) return STATUS.badArgument;
    for (const [name] of map.pairs()) if (!name.startsWith(':')) map.remove(name);
    for (const [name, value] of pairs) if (!map.add(name, value)) return STATUS.badArgument;
    context.mapChanged(type);
    return STATUS.ok;
  },
  proxy_get_buffer_bytes: (machine, context, type, start, length, pointer, size) => {
    const bytes = context.buffer(type);
    if (bytes === undefined) return STATUS.notFound;
    const from = start >>> 0;
    if (from > bytes.length) return STATUS.badArgument;
    machine.memory.give(bytes.subarray(from, from + (length >>> 0)), pointer, size);
    return STATUS.ok;
  },
  proxy_get_buffer_status: (machine, context, type, length, flags) => {
    const bytes = context.buffer(type);
    if (bytes === undefined) return STATUS.notFound;
    machine.memory.setU32(length, bytes.length);
    machine.memory.setU32(flags, 0);
    return STATUS.ok;
  },
  /** Replaces `length` bytes from `start`; beyond the end it appends, at 0 for 0 bytes it prepends. */
  proxy_set_buffer_bytes: (machine, context, type, start, length, pointer, size) => {
    const bytes = context.buffer(type);
    if (bytes === undefined) return STATUS.notFound;
    if (bytes.length + (size >>> 0) > WASM_LIMITS.bodyBytesMax) return STATUS.badArgument;
    const value = machine.memory.copy(pointer, size);
    const from = Math.min(start >>> 0, bytes.length);
    const made = Buffer.concat([bytes.subarray(0, from), value, bytes.subarray(from + (length >>> 0))]);
    return context.setBuffer(type, made) ? STATUS.ok : STATUS.badArgument;
  },
  proxy_continue_stream: (_, context, direction) => (context.resume(direction) ? STATUS.ok : STATUS.badArgument),
  proxy_continue_request: (_, context) => (context.resume(0) ? STATUS.ok : STATUS.badArgument),
  proxy_continue_response: (_, context) => (context.resume(1) ? STATUS.ok : STATUS.badArgument),
  proxy_close_stream: (_, context) => (context.close() ? STATUS.ok : STATUS.badArgument),
  proxy_clear_route_cache: (_, context) => {
    context.clearRoute();
    return STATUS.ok;
  },
  proxy_send_local_response: (
    machine,
    context,
    status,
    details,
    detailsSize,
    body,
    bodySize,
    headers,
    headersSize,
    grpcStatus,
  ) => {
    const { memory } = machine;
    if (
      bodySize >>> 0 > WASM_LIMITS.bodyBytesMax ||
      (headersSize >>> 0) + (detailsSize >>> 0) > WASM_LIMITS.headersBytesMax
    )
      return STATUS.badArgument;
    const pairs = decodePairs(memory.bytes(headers, headersSize), WASM_LIMITS.headersMax);
    if (pairs === undefined || !(status >= 200 && status <= 599)) return STATUS.badArgument;
    // The log takes no blanks in it.
    const why = memory.latin1(details, detailsSize).replace(/[^!-~]+/g, '_');
    return context.reply({
      status: status,
      body: memory.utf8(body, bodySize),
      details: why === '' ? 'via_wasm' : why,
      headers: plainPairs(pairs),
      ...((grpcStatus ?? -1) >= 0 ? { grpcStatus: grpcStatus } : {}),
    })
      ? STATUS.ok
      : STATUS.badArgument;
  },
};
