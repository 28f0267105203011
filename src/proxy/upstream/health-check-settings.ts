// What a HealthCheck message becomes: the probe, how often, and how many answers it takes to believe it.

import type { HealthCheck, HealthCheck_Payload } from '#proto/envoy/config/core/v3/health_check_pb.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';

export type Probe =
  | {
      readonly kind: 'http';
      readonly host: string;
      readonly path: string;
      readonly method: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly expects: (status: number) => boolean;
      readonly retriable: (status: number) => boolean;
    }
  | { readonly kind: 'grpc'; readonly service: string; readonly authority: string }
  | { readonly kind: 'tcp'; readonly send: Uint8Array | undefined; readonly receive: readonly Uint8Array[] };

export interface HealthCheckSettings {
  readonly probe: Probe;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly jitterMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Between probes of a host that failed. */
  readonly unhealthyIntervalMs: number;
}

/** By the numbers of RequestMethod; 0 = GET. */
const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

export function readHealthCheck(check: HealthCheck, field: string): HealthCheckSettings {
  const timeoutMs = millisOf(check.timeout);
  const intervalMs = millisOf(check.interval);
  if (timeoutMs === undefined || timeoutMs <= 0) throw new ConfigError('proxy.field-required', `${field}.timeout`);
  if (intervalMs === undefined || intervalMs <= 0) throw new ConfigError('proxy.field-required', `${field}.interval`);
  return {
    probe: readProbe(check, field),
    timeoutMs,
    intervalMs,
    jitterMs: (millisOf(check.intervalJitter) ?? 0) + (intervalMs * check.intervalJitterPercent) / 100,
    unhealthyThreshold: check.unhealthyThreshold ?? 1,
    healthyThreshold: check.healthyThreshold ?? 1,
    unhealthyIntervalMs: millisOf(check.unhealthyInterval) ?? intervalMs,
  };
}

function readProbe(check: HealthCheck, field: string): Probe {
  const checker = check.healthChecker;
  switch (checker.case) {
    case 'httpHealthCheck': {
      const { host, path, method, requestHeadersToAdd, expectedStatuses, retriableStatuses } = checker.value;
      if (path === '') throw new ConfigError('proxy.field-required', `${field}.http_health_check.path`);
      const within = (ranges: typeof expectedStatuses) => (status: number) =>
        ranges.some(({ start, end }) => status >= Number(start) && status < Number(end));
      return {
        kind: 'http',
        host,
        path,
        method: METHODS[method] ?? 'GET',
        headers: requestHeadersToAdd.map(({ header }) => [header?.key ?? '', header?.value ?? ''] as const),
        expects: expectedStatuses.length === 0 ? (status) => status === 200 : within(expectedStatuses),
        retriable: within(retriableStatuses),
      };
    }
    case 'grpcHealthCheck':
      return { kind: 'grpc', service: checker.value.serviceName, authority: checker.value.authority };
    case 'tcpHealthCheck':
      return {
        kind: 'tcp',
        send: payload(checker.value.send, `${field}.tcp_health_check.send`),
        receive: checker.value.receive.map(
          (one, i) => payload(one, `${field}.tcp_health_check.receive[${i}]`) as Uint8Array,
        ),
      };
    default:
      throw new ConfigError(
        'proxy.unsupported',
        field,
        'give http_health_check, tcp_health_check or grpc_health_check',
      );
  }
}

/** Text is hexadecimal, as in Envoy. */
function payload(value: HealthCheck_Payload | undefined, field: string): Uint8Array | undefined {
  const given = value?.payload;
  if (given?.case === 'binary') return given.value;
  if (given?.case !== 'text') return undefined;
  if (!/^([0-9a-fA-F]{2})+$/.test(given.value))
    throw new ConfigError('proxy.field-invalid', field, 'must be bytes in hexadecimal');
  return Buffer.from(given.value, 'hex');
}
