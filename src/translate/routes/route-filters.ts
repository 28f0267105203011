// Per-route settings of the fault and CORS filters (inventory §1.1).

import type { Any } from '@bufbuild/protobuf/wkt';
import { GRPC_STATUS_NAMES } from '#base';
import { durationMs } from '#config';
import { CorsPolicySchema } from '#proto/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FractionalPercent_DenominatorType } from '#proto/envoy/type/v3/percent_pb.ts';
import type { HttpRoute } from '#registry';
import { any, duration, type Init } from '../encode.ts';
import { textMatcher } from './match.ts';

export const FAULT_FILTER = 'envoy.filters.http.fault';
export const CORS_FILTER = 'envoy.filters.http.cors';
export function routeFilters(route: HttpRoute): Record<string, Any> | undefined {
  const found: Record<string, Any> = {};
  const fault = faultOf(route.fault);
  if (fault !== undefined) found[FAULT_FILTER] = any(HTTPFaultSchema, fault);
  if (route.corsPolicy !== undefined) found[CORS_FILTER] = any(CorsPolicySchema, corsOf(route.corsPolicy));
  return Object.keys(found).length === 0 ? undefined : found;
}

export function fraction(percent: number) {
  return { numerator: Math.round(percent * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

function faultOf(fault: HttpRoute['fault']): Init<typeof HTTPFaultSchema> | undefined {
  const { delay, abort } = fault ?? {};
  const delayMs = durationMs(delay?.fixedDelay);
  const result: Init<typeof HTTPFaultSchema> = {
    ...(delayMs === undefined
      ? {}
      : {
          delay: {
            faultDelaySecifier: { case: 'fixedDelay' as const, value: duration(delayMs) },
            percentage: fraction(delay?.percentage?.value ?? delay?.percent ?? 0),
          },
        }),
    ...(abort?.httpStatus !== undefined
      ? {
          abort: {
            errorType: { case: 'httpStatus' as const, value: abort.httpStatus },
            percentage: fraction(abort.percentage?.value ?? abort.percent ?? 0),
          },
        }
      : abort?.grpcStatus !== undefined
        ? {
            abort: {
              errorType: { case: 'grpcStatus' as const, value: grpcStatus(abort.grpcStatus) },
              percentage: fraction(abort.percentage?.value ?? abort.percent ?? 0),
            },
          }
        : {}),
  };
  return Object.keys(result).length === 0 ? undefined : result;
}

function grpcStatus(text: string): number {
  const index = GRPC_STATUS_NAMES.indexOf(text.toUpperCase());
  return index >= 0 ? index : Number(text);
}

function corsOf(cors: NonNullable<HttpRoute['corsPolicy']>): Init<typeof CorsPolicySchema> {
  const origins = [
    ...(cors.allowOrigins ?? []).map(
      (origin) => textMatcher(origin) ?? { matchPattern: { case: 'prefix' as const, value: '' } },
    ),
    ...(cors.allowOrigin ?? []).map((origin) =>
      origin === '*'
        ? { matchPattern: { case: 'prefix' as const, value: '' } }
        : { matchPattern: { case: 'exact' as const, value: origin } },
    ),
  ];
  const join = (list: readonly string[] | undefined): string => (list ?? []).join(',');
  return {
    allowOriginStringMatch: origins.map((o) =>
      o.matchPattern?.case === 'exact' && o.matchPattern.value === '*'
        ? { matchPattern: { case: 'prefix' as const, value: '' } }
        : o,
    ),
    allowMethods: join(cors.allowMethods),
    allowHeaders: join(cors.allowHeaders),
    exposeHeaders: join(cors.exposeHeaders),
    ...(cors.maxAge === undefined ? {} : { maxAge: String(Math.round(durationMs(cors.maxAge, 0) / 1000)) }),
    ...(cors.allowCredentials === undefined ? {} : { allowCredentials: cors.allowCredentials }),
    ...(cors.unmatchedPreflights === 'IGNORE'
      ? { forwardNotMatchingPreflights: false }
      : { forwardNotMatchingPreflights: true }),
    filterEnabled: { defaultValue: { numerator: 100 } },
  };
}
