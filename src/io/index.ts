// The only area that opens sockets, files and timers.
export { openCompressor } from './body-compressor.ts';
export * from './clock.ts';
export * from './fs.ts';
export * from './log.ts';
export * from './net.ts';
export { ListenerBook, type PlacedDescriptor } from './listener-book.ts';
export {
  duplicateForExec,
  type HeldSocket,
  type ListeningSockets,
  ProcessSockets,
  type ServerHandle,
} from './listening-sockets.ts';
export * from './hand-over.ts';
export { type DescriptorHandle } from './netns-sockets.ts';
export { type NamespaceDescriptors, NamespaceNet, type NamespaceParts } from './netns-net.ts';
export { enterNetworkNamespace } from './enter-netns.ts';
export { addLoopbackAddress, deliverMarked } from './route-netlink.ts';
export { askResolver } from './dns-client.ts';
export { serveDnsUdp } from './dns-server.ts';
export * from './random.ts';
export { trimMalloc } from './trim-malloc.ts';
export { fileBytes, releaseProgram } from './release-program.ts';
export * from './http-api.ts';
export * from './http-api-call.ts';
export * from './grpc-http2.ts';
export * from './admin-http.ts';
export * from './log-sink.ts';
export { type PodCommand, type PodCommandEnd, runInPod } from './kube-exec.ts';
export * from './kube-http.ts';
export * from './kube-http-server.ts';
export * from './safe-fetch.ts';
