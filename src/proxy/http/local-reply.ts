// Makes the response of a local reply: plain text, or trailers-only gRPC for gRPC requests.

import type { StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead, type ResponseHead } from '#wire/http';
import type { LocalReply } from './filter.ts';
import type { ReplyMapper } from './manager-config.ts';
import { grpcStatusOf } from './rescue.ts';

const EMPTY = Buffer.alloc(0);

export function buildLocalReply(
  reply: LocalReply,
  request: RequestHead,
  record: StreamRecord,
): { readonly head: ResponseHead; readonly body: Buffer } {
  const headers = new HeaderBlock();
  if (isGrpc(request)) {
    const status = reply.grpcStatus ?? grpcStatusOf(reply.status);
    headers.push('content-type', 'content-type', 'application/grpc');
    headers.push('grpc-status', 'grpc-status', String(status));
    if (reply.body !== '') headers.push('grpc-message', 'grpc-message', percentEncode(reply.body));
    addAll(headers, reply);
    record.grpc = true;
    record.grpcStatus = status;
    return { head: { status: 200, headers }, body: EMPTY };
  }
  const body = reply.body === '' ? EMPTY : Buffer.from(reply.body, 'utf8');
  if (body.length > 0) {
    headers.push('content-length', 'content-length', String(body.length));
    headers.push('content-type', 'content-type', 'text/plain');
  }
  addAll(headers, reply);
  // A HEAD's answer announces the body that it has not (RFC 9110 §9.3.2).
  return { head: { status: reply.status, headers }, body: request.method === 'HEAD' ? EMPTY : body };
}

function addAll(headers: HeaderBlock, reply: LocalReply): void {
  for (const [name, value] of reply.headers ?? []) {
    if (name.toLowerCase() === 'content-type') headers.set(name, value);
    else headers.add(name, value);
  }
}

/** The first mapper that fits. It judges by the status that is meant: a gRPC reply is sent with 200. */
export function mapperFor(
  mappers: readonly ReplyMapper[],
  record: StreamRecord,
  status: number,
): ReplyMapper | undefined {
  if (mappers.length === 0) return undefined;
  record.responseCode = status;
  return mappers.find(({ applies }) => applies(record));
}

export function mappedReply(reply: LocalReply, mapper: ReplyMapper | undefined): LocalReply {
  if (mapper?.status === undefined && mapper?.body === undefined) return reply;
  return { ...reply, status: mapper.status ?? reply.status, body: mapper.body ?? reply.body };
}

export function addMapped(head: ResponseHead, mapper: ReplyMapper | undefined, record: StreamRecord): void {
  for (const [name, value] of mapper?.headers ?? []) head.headers.set(name, value(record));
}

export function isGrpc(head: RequestHead): boolean {
  const type = head.headers.get('content-type');
  return (
    type !== undefined &&
    (type === 'application/grpc' || type.startsWith('application/grpc+') || type.startsWith('application/grpc;'))
  );
}

/** grpc-message, gRPC over HTTP/2, "Percent-Encoded". */
function percentEncode(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
