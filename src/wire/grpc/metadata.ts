// Reads and makes the header blocks of gRPC: what belongs to the protocol and what to the application.
import { GRPC_ERRORS } from './errors.ts';
import { GRPC_LIMITS } from './limits.ts';
import { GRPC_STATUS, type GrpcStatus, isGrpcStatusCode, statusFromHttp } from './status.ts';
import { decodeStatusMessage, encodeStatusMessage } from './status-message.ts';
import type { Metadata } from './transport.ts';

/** The first value of a name. */
export function metadataValue(metadata: Metadata, name: string): string | undefined {
  const value = metadata[name];
  return typeof value === 'object' ? value[0] : value;
}

const PROTOCOL = new Set([
  'te',
  'content-type',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-timeout',
  'grpc-status',
  'grpc-message',
  'user-agent',
]);

/** What the application sent: no pseudo-headers, nothing of the protocol itself. */
export function applicationMetadata(headers: Metadata): Metadata {
  const out: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':') && !PROTOCOL.has(name)) out[name] = value;
  }
  return out;
}

export function isGrpcContentType(value: string | undefined): boolean {
  return (
    value !== undefined &&
    (value === 'application/grpc' || value.startsWith('application/grpc+') || value.startsWith('application/grpc;'))
  );
}

export function statusTrailers(status: GrpcStatus, extra: Metadata = {}): Metadata {
  const trailers: Record<string, string | readonly string[] | undefined> = {
    ...extra,
    'grpc-status': String(status.code),
  };
  if (status.message !== '')
    trailers['grpc-message'] = encodeStatusMessage(status.message.slice(0, GRPC_LIMITS.statusMessageMax));
  return trailers;
}

/** The outcome that trailers tell; undefined when they carry no grpc-status. */
export function statusOf(trailers: Metadata): GrpcStatus | undefined {
  const text = metadataValue(trailers, 'grpc-status');
  if (text === undefined) return undefined;
  const code = Number(text);
  const message = decodeStatusMessage(metadataValue(trailers, 'grpc-message') ?? '');
  if (!/^\d+$/.test(text) || !isGrpcStatusCode(code))
    return { code: GRPC_STATUS.unknown, message: message || `grpc-status "${text}" is no status` };
  return { code, message };
}

/** The outcome of a response that is not gRPC's; undefined when the head is fine. */
export function statusOfHead(headers: Metadata): GrpcStatus | undefined {
  const http = metadataValue(headers, ':status') ?? '200';
  if (http !== '200') {
    return statusOf(headers) ?? { code: statusFromHttp(Number(http)), message: `the server answered HTTP ${http}` };
  }
  const type = metadataValue(headers, 'content-type');
  if (isGrpcContentType(type)) return undefined;
  return {
    code: GRPC_STATUS.unknown,
    message: `the server answered with content-type "${type ?? ''}", expected application/grpc`,
  };
}

export type MessageEncoding =
  | { readonly ok: true; readonly gzip: boolean }
  | { readonly ok: false; readonly status: GrpcStatus };

export function messageEncoding(headers: Metadata, canGunzip: boolean): MessageEncoding {
  const name = metadataValue(headers, 'grpc-encoding') ?? 'identity';
  if (name === 'identity') return { ok: true, gzip: false };
  if (name === 'gzip' && canGunzip) return { ok: true, gzip: true };
  return { ok: false, status: GRPC_ERRORS.unknownEncoding(name) };
}
