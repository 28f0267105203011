// The only area that opens sockets, files and timers.
export * from './clock.ts';
export * from './fs.ts';
export * from './log.ts';
export * from './net.ts';
export * from './random.ts';
export * from './http-api.ts';
export * from './http-api-call.ts';
export * from './grpc-http2.ts';
export * from './admin-http.ts';
export * from './log-sink.ts';
export * from './kube-http.ts';
export * from './kube-http-server.ts';
