// Protobuf without protobuf-es: what the proxy and the xDS streams use. Import it as '#proto/light.ts',
// which tools/gen-light.ts writes: it adds the generated tables to what stands here.
export { appendMessages } from './append-messages.ts';
export { decodeMessage } from './decode.ts';
export { decodeMessageInSteps } from './decode-steps.ts';
export * from './encode.ts';
export * from './reader.ts';
export * from './struct.ts';
export * from './table.ts';
export * from './writer.ts';
