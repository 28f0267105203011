// Asks an authorization service over gRPC (envoy.service.auth.v3.Authorization/Check).

import { decodeLight, encodeLight } from '#proto/light.ts';
import type { HeaderValueOption } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { CheckRequest, CheckResponse } from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import { HeaderBlock, type RequestHead } from '#wire/http';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { type CallAnswer, callCluster } from '../../call/cluster-call.ts';
import { CHECK_ANSWER_BYTES_MAX } from '../../limits.ts';
import { type CheckOptions, checkRequest } from './check-input.ts';
import type { Authorizer, Decision, HeaderChange } from './decision.ts';

const PATH = '/envoy.service.auth.v3.Authorization/Check';
const FRAME_BYTES = 5;

export interface GrpcTarget {
  readonly clusters: ClusterManager;
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly initialMetadata: readonly (readonly [string, string])[];
}

export type GrpcAuthorizerOptions = GrpcTarget & CheckOptions;

export function grpcAuthorizer(options: GrpcAuthorizerOptions): Authorizer {
  return { check: (input, done) => askGrpc(checkRequest(input, options), options, done) };
}

/** One Check call; `done` is called once, unless it is cancelled. */
export function askGrpc(
  request: CheckRequest,
  target: GrpcTarget,
  done: (decision: Decision) => void,
): { cancel(): void } {
  const message = encodeLight('envoy.service.auth.v3.CheckRequest', request);
  const body = Buffer.allocUnsafe(FRAME_BYTES + message.length);
  body[0] = 0;
  body.writeUInt32BE(message.length, 1);
  body.set(message, FRAME_BYTES);
  const headers = new HeaderBlock();
  headers.add('te', 'trailers');
  headers.add('content-type', 'application/grpc');
  for (const [name, value] of target.initialMetadata) headers.add(name, value);
  const head: RequestHead = {
    method: 'POST',
    path: PATH,
    authority: target.authority,
    scheme: 'http',
    version: '2',
    protocol: '',
    headers,
  };
  const { clusters, cluster, timeoutMs } = target;
  return callCluster({ clusters, cluster, head, body, timeoutMs, answerBytesMax: CHECK_ANSWER_BYTES_MAX }, (result) =>
    done(result.ok ? read(result.answer) : { kind: 'error', reason: result.reason }),
  );
}

function read(answer: CallAnswer): Decision {
  const status = answer.trailers?.get('grpc-status') ?? answer.headers.get('grpc-status') ?? '';
  if (answer.status !== 200 || status !== '0')
    return {
      kind: 'error',
      reason: `the service answered status ${answer.status}, grpc-status ${status === '' ? 'missing' : status}`,
    };
  const { body } = answer;
  if (body.length < FRAME_BYTES || body[0] !== 0 || body.readUInt32BE(1) !== body.length - FRAME_BYTES)
    return { kind: 'error', reason: 'the answer is no single message' };
  let response: CheckResponse;
  try {
    response = decodeLight('envoy.service.auth.v3.CheckResponse', body.subarray(FRAME_BYTES)) as CheckResponse;
  } catch {
    return { kind: 'error', reason: 'the answer is no CheckResponse' };
  }
  return decisionOf(response);
}

function decisionOf({ status, httpResponse, dynamicMetadata }: CheckResponse): Decision {
  const metadata = dynamicMetadata;
  if ((status?.code ?? 0) !== 0) {
    const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
    return {
      kind: 'denied',
      status: denied?.status?.code || 403,
      body: denied?.body ?? '',
      headers: changes(denied?.headers ?? []),
      metadata,
    };
  }
  const allowed = httpResponse.case === 'okResponse' ? httpResponse.value : undefined;
  return {
    kind: 'allowed',
    requestHeaders: changes(allowed?.headers ?? []),
    requestHeadersToRemove: allowed?.headersToRemove ?? [],
    responseHeaders: changes(allowed?.responseHeadersToAdd ?? []),
    queryToSet: (allowed?.queryParametersToSet ?? []).map(({ key, value }) => [key, value]),
    queryToRemove: allowed?.queryParametersToRemove ?? [],
    metadata,
  };
}

const ACTIONS = ['append', 'add-if-absent', 'set', 'overwrite-existing'] as const;

/** Without a word about appending, a value replaces (ext_authz's own default). */
function changes(options: readonly HeaderValueOption[]): readonly HeaderChange[] {
  return options.flatMap(({ header, append, appendAction }) => {
    if (header === undefined) return [];
    const value = header.value === '' ? Buffer.from(header.rawValue) : Buffer.from(header.value, 'utf8');
    const how =
      append !== undefined
        ? append
          ? 'append'
          : 'set'
        : appendAction === 0
          ? 'set'
          : (ACTIONS[appendAction] ?? 'set');
    return [{ name: header.key, value: value.toString('latin1'), how }];
  });
}
