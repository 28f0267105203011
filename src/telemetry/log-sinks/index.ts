// Finished streams as messages of the services that take access logs: Envoy's, and OpenTelemetry's.
export { type AlsExtras, alsHttpEntry, alsMessage, alsTcpEntry } from './als-entry.ts';
export { ALS_FLAGS, ALS_METHODS, ALS_VERSIONS } from './als-vocabulary.ts';
export {
  encodeOtlpLogRecord,
  encodeOtlpLogs,
  keyValue,
  OTLP_LOGS_PATH,
  type OtlpLogRecord,
  textValue,
} from './otlp-logs.ts';
