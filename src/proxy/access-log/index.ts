export { accessLogSinks } from './access-log-sinks.ts';
export { grpcLogSinks } from './grpc-log-sinks.ts';
export { LogFiles } from './log-files.ts';
