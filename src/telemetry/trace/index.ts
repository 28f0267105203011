export {
  childContext,
  decideSampling,
  DEFAULT_SAMPLING,
  isUuid,
  newHexId,
  type SamplingInput,
  type SamplingRates,
  sampleValue,
  type TraceReason,
  traceReasonOf,
  withTraceReason,
} from './sampling.ts';
export { encodeOtlp, OTLP_GRPC_PATH } from './otlp.ts';
export { encodeZipkin, type Span, spanOf } from './span.ts';
export {
  readSampledOnly,
  readTraceContext,
  type TraceContext,
  type TraceFormat,
  writeTraceContext,
} from './trace-context.ts';
