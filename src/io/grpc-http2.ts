// gRPC transports over node:http2, both roles; own HTTP/2 takes their place without a change above them.
import { gunzipSync } from 'node:zlib';

export * from './grpc-http2-client.ts';
export * from './grpc-http2-server.ts';

/** For GrpcServer and GrpcChannel: unpacks a message, undefined when it is damaged or too large. */
export function gunzip(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch {
    return undefined;
  }
}
