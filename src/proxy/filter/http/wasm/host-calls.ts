// Host functions that ask a service: HTTP calls to a cluster. gRPC calls are not there yet, and say so to plugin and log.

import { HeaderBlock, type RequestHead } from '#wire/http';
import { callCluster } from '../../call/cluster-call.ts';
import { decodePairs, STATUS } from './abi.ts';
import { plainPairs } from './header-map.ts';
import type { HostTable } from './host-functions.ts';
import { WASM_LIMITS } from './limits.ts';
import type { GuestContext, Machine } from './machine.ts';

interface Calls {
  open: number;
  nextId: number;
  refusedGrpc: boolean;
}
const CALLS = new WeakMap<Machine, Calls>();

function callsOf(machine: Machine): Calls {
  let found = CALLS.get(machine);
  if (found === undefined) CALLS.set(machine, (found = { open: 0, nextId: 1, refusedGrpc: false }));
  return found;
}

function noGrpc(machine: Machine, { root }: GuestContext): number {
  const calls = callsOf(machine);
  if (!calls.refusedGrpc) root.log.warn('the plugin makes a gRPC call, which this proxy does not make for plugins');
  calls.refusedGrpc = true;
  return STATUS.unimplemented;
}

export const callFunctions: HostTable = {
  proxy_http_call: (
    machine,
    context,
    cluster,
    clusterSize,
    headers,
    headersSize,
    body,
    bodySize,
    _trailers,
    _trailersSize,
    timeoutMs,
    pointer,
  ) => {
    const { memory, parts } = machine;
    if (clusterSize >>> 0 > 1024 || headersSize >>> 0 > WASM_LIMITS.headersBytesMax) return STATUS.badArgument;
    if (bodySize >>> 0 > WASM_LIMITS.callBodyBytesMax) return STATUS.badArgument;
    const name = memory.utf8(cluster, clusterSize);
    const head = requestOf(decodePairs(memory.bytes(headers, headersSize), WASM_LIMITS.headersMax));
    const calls = callsOf(machine);
    if (head === undefined || parts.clusters.get(name) === undefined) return STATUS.badArgument;
    if (calls.open >= WASM_LIMITS.callsMax) return STATUS.internalFailure;
    const content = memory.copy(body, bodySize);
    const id = calls.nextId;
    calls.nextId = (id % 0x7fff_ffff) + 1;
    memory.setU32(pointer, id);
    calls.open++;
    if (content.length > 0) head.headers.set('content-length', String(content.length));
    callCluster(
      {
        clusters: parts.clusters,
        cluster: name,
        head,
        body: content,
        timeoutMs: timeoutMs >>> 0 || WASM_LIMITS.callTimeoutMs,
        answerBytesMax: WASM_LIMITS.callAnswerBytesMax,
      },
      (result) => {
        calls.open--;
        machine.after(() => context.root.callAnswered(id, result));
      },
    );
    return STATUS.ok;
  },
  proxy_grpc_call: noGrpc,
  proxy_grpc_stream: noGrpc,
  proxy_grpc_send: noGrpc,
  proxy_grpc_cancel: noGrpc,
  proxy_grpc_close: noGrpc,
  /** Of the last gRPC call. */
  proxy_get_status: () => STATUS.unimplemented,
};

/** Undefined when method, path or host is missing. */
function requestOf(pairs: readonly (readonly [string, string])[] | undefined): RequestHead | undefined {
  const pseudo = new Map(pairs?.filter(([name]) => name.startsWith(':')));
  const method = pseudo.get(':method') ?? '';
  const path = pseudo.get(':path') ?? '';
  const authority = pseudo.get(':authority') ?? '';
  if (
    !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method) ||
    !/^[\u0021-\u00ff]+$/.test(path) ||
    !/^[\u0021-\u00ff]+$/.test(authority)
  )
    return undefined;
  const headers = new HeaderBlock();
  for (const [name, value] of plainPairs(pairs ?? [])) headers.add(name, value);
  return { method, path, authority, scheme: 'http', version: '1.1', protocol: '', headers };
}
