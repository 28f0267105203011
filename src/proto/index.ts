// Helpers around generated messages; the messages themselves are imported as '#proto/<path>_pb.ts'.
import type { Registry } from '@bufbuild/protobuf';

export * from './any.ts';

/** All generated types, loaded on first use: for JSON with Any inside. */
export async function loadTypes(): Promise<Registry> {
  return (await import('./type-registry.ts')).types;
}
