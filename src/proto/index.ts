// Helpers around generated messages; the messages themselves are imported as '#proto/<path>_pb.ts'.
export * from './any.ts';
