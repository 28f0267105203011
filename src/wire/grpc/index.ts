// gRPC over HTTP/2 without sockets: calls of every shape, both roles, on top of a small transport interface.
export * from './backoff.ts';
export * from './channel.ts';
export type { ClientCall, ClientCallHandler, ClientCallOptions } from './client-call.ts';
export * from './errors.ts';
export { fairDeadline } from './fair-deadline.ts';
export { FRAME_HEADER_BYTES, FrameDecoder, frame, frameHeader, type Gunzip } from './frame.ts';
export * from './limits.ts';
export { metadataValue } from './metadata.ts';
export * from './server.ts';
export type { ServerCall, ServerCallHandler } from './server-call.ts';
export * from './status.ts';
export { decodeStatusMessage, encodeStatusMessage } from './status-message.ts';
export { formatTimeout, parseTimeout } from './timeout.ts';
export * from './transport.ts';
export * from './memory-transport.ts';
