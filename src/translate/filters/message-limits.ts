// MessageLimits in a connection manager and in clusters: sizes of heads, the filters that bound bodies, and what is answered.
// Stock Envoy counts a body only where it collects it; of one that goes on at once it knows what content-length says.

import type { ObjectRef } from '#base';
import { refOf } from '#config';
import { AccessLogFilterSchema, ComparisonFilter_Op } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { HttpProtocolOptionsSchema } from '#proto/envoy/config/core/v3/protocol_pb.ts';
import { type PolicySchema, RBAC_Action } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { ExpressionFilterSchema } from '#proto/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { BufferSchema } from '#proto/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { RBACSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type {
  HttpFilterSchema,
  ResponseMapperSchema,
} from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { BodyLimitSchema } from '#proto/topsail/filters/v1/body_limit_pb.ts';
import { type HeadLimits, type LimitsInForce, mergeMessageLimits, type MessageLimits } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { any, type Init, typed } from '../encode.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;
type Mapper = Init<typeof ResponseMapperSchema>;

/** Of the workloads of one scope. */
export interface ScopeLimits extends LimitsInForce {
  readonly origins: readonly ObjectRef[];
}

const NO_LIMITS: ScopeLimits = Object.freeze({ ...mergeMessageLimits([]), origins: [] });
/** In the details of Envoy's reply, where the size that was announced is too large. */
const ANNOUNCED = 'messagelimits[request-body]';
const INT64_MAX = 9_223_372_036_854_775_807n;

/** The same object for the same objects: it stands in cache keys. */
export function scopeLimits(objects: readonly MessageLimits[], cache: TranslationCache): ScopeLimits {
  if (objects.length === 0) return NO_LIMITS;
  return cache.value(['message-limits', ...objects], () =>
    Object.freeze({ ...mergeMessageLimits(objects), origins: objects.map((one) => refOf(one)) }),
  );
}

export function requestHeadSettings({ request: { maxKiB, maxCount } }: LimitsInForce) {
  return {
    ...(maxKiB === undefined ? {} : { maxRequestHeadersKb: maxKiB }),
    ...(maxCount === undefined ? {} : { commonHttpProtocolOptions: { maxHeadersCount: maxCount } }),
  };
}

/** Of a cluster: what its endpoints may answer. */
export function responseHeadOptions({ maxKiB, maxCount }: HeadLimits): Init<typeof HttpProtocolOptionsSchema> {
  return {
    ...(maxKiB === undefined ? {} : { maxResponseHeadersKb: maxKiB }),
    ...(maxCount === undefined ? {} : { maxHeadersCount: maxCount }),
  };
}

/** Ahead of all other filters: nobody collects or judges what is too large. */
export function bodyLimit({ body }: LimitsInForce, envoy: boolean): readonly HttpFilter[] {
  if (body === undefined) return [];
  return [
    envoy
      ? announced(body.maxBytes)
      : typed('topsail.filters.http.body_limit', BodyLimitSchema, { maxRequestBytes: body.maxBytes }),
  ];
}

function announced(bytes: number): HttpFilter {
  return typed('envoy.filters.http.rbac', RBACSchema, {
    rules: { action: RBAC_Action.DENY, policies: { [ANNOUNCED]: announcedAbove(bytes) } },
  });
}

function announcedAbove(bytes: number): Init<typeof PolicySchema> {
  const range = { start: BigInt(bytes) + 1n, end: INT64_MAX };
  return {
    permissions: [
      {
        rule: {
          case: 'header',
          value: { name: 'content-length', headerMatchSpecifier: { case: 'rangeMatch', value: range } },
        },
      },
    ],
    principals: [{ identifier: { case: 'any', value: true } }],
  };
}

/**
 * Behind the policies: only for whoever may call is anything collected. Envoy lets a body's last piece go beyond, and then writes
 * down its length.
 */
export function bodyBuffer({ body }: LimitsInForce, envoy: boolean): readonly HttpFilter[] {
  if (body?.buffered !== true) return [];
  const buffer = typed('envoy.filters.http.buffer', BufferSchema, { maxRequestBytes: body.maxBytes });
  return envoy ? [buffer, announced(body.maxBytes)] : [buffer];
}

/** Replies that say which limit was passed, and where (`hop`). */
export function limitReplies(limits: LimitsInForce, hop: string, envoy: boolean): readonly Mapper[] {
  const { body, request } = limits;
  const found: Mapper[] = [];
  if (body !== undefined) {
    const text = inline(`The request body is larger than ${body.maxBytes} bytes, the limit of ${hop}.`);
    if (envoy)
      found.push({
        filter: { filterSpecifier: { case: 'extensionFilter', value: announcedTooLarge() } },
        statusCode: 413,
        body: text,
      });
    found.push({ filter: status(413), body: text });
  }
  const most = [
    ...(request.maxKiB === undefined ? [] : [`${request.maxKiB} KiB`]),
    ...(request.maxCount === undefined ? [] : [`${request.maxCount} headers`]),
  ];
  if (most.length > 0)
    found.push({
      filter: status(431),
      body: inline(`The request head is larger than ${most.join(' or ')}, the limit of ${hop}.`),
    });
  return found;
}

function announcedTooLarge() {
  return {
    name: 'envoy.access_loggers.extension_filters.cel',
    configType: {
      case: 'typedConfig' as const,
      value: any(ExpressionFilterSchema, { expression: `response.code_details.contains('${ANNOUNCED}')` }),
    },
  };
}

function status(code: number): Init<typeof AccessLogFilterSchema> {
  const value = { defaultValue: code, runtimeKey: `topsail.limit_status_${code}` };
  return {
    filterSpecifier: { case: 'statusCodeFilter', value: { comparison: { op: ComparisonFilter_Op.EQ, value } } },
  };
}

function inline(value: string) {
  return { specifier: { case: 'inlineString' as const, value } };
}
