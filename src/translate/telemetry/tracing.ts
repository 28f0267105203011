// Tracing of an HTTP connection manager: sampling, tags, and where spans go (pilot/pkg/networking/core/tracing.go).

import { durationMs } from '#config';
import { TRACE_ENVIRONMENT } from '#base';
import { OpenTelemetryConfigSchema } from '#proto/envoy/config/trace/v3/opentelemetry_pb.ts';
import {
  ZipkinConfig_CollectorEndpointVersion as Endpoint,
  ZipkinConfigSchema,
  ZipkinConfig_TraceContextOption as Context,
} from '#proto/envoy/config/trace/v3/zipkin_pb.ts';
import type { HttpConnectionManager_TracingSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { CustomTagSchema } from '#proto/envoy/type/tracing/v3/custom_tag_pb.ts';
import type { TracingInForce } from '#registry';
import { duration, type Init, typed } from '../encode.ts';
import { type ProviderPlaces, type Sink, sinkOf } from './providers.ts';

type Tracing = Init<typeof HttpConnectionManager_TracingSchema>;
type Tag = Init<typeof CustomTagSchema>;

const ZIPKIN_PATH = '/api/v2/spans';
const OTLP_PATH = '/v1/traces';
const EXPORT_TIMEOUT_MS = 10_000;
const ZIPKIN_TIMEOUT_MS = 5_000;

/** `serviceName`: what a stock Envoy calls itself in OpenTelemetry; ours knows its own name. */
export function tracing(
  inForce: TracingInForce | undefined,
  places: ProviderPlaces,
  serviceName: string,
): Tracing | undefined {
  if (inForce === undefined) return undefined;
  const provider = inForce.provider === undefined ? undefined : providerOf(inForce.provider, places, serviceName);
  // A provider that cannot be reached is as good as none: headers are passed on.
  return {
    clientSampling: { value: 100 },
    randomSampling: { value: inForce.sampling },
    overallSampling: { value: 100 },
    ...(inForce.keepsContext ? { noContextPropagation: true } : {}),
    ...(inForce.maxTagLength === undefined ? {} : { maxPathTagLength: inForce.maxTagLength }),
    customTags: [...(inForce.istioTags ? ISTIO_TAGS : []), ...customTags(inForce.customTags)],
    ...(provider === undefined ? {} : { provider }),
  };
}

/** From the environment of the proxy, so that listeners stay alike for all workloads. */
const ISTIO_TAGS: readonly Tag[] = Object.entries(TRACE_ENVIRONMENT).map(
  ([tag, name]): Tag => ({ tag, type: { case: 'environment', value: { name, defaultValue: 'unknown' } } }),
);

function customTags(tags: TracingInForce['customTags']): readonly Tag[] {
  return Object.entries(tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([tag, { literal, environment, header, formatter }]): Tag[] => {
      if (literal !== undefined) return [{ tag, type: { case: 'literal', value: { value: literal.value ?? '' } } }];
      if (environment !== undefined)
        return [
          {
            tag,
            type: {
              case: 'environment',
              value: { name: environment.name ?? '', defaultValue: environment.defaultValue ?? '' },
            },
          },
        ];
      if (formatter !== undefined) return [{ tag, type: { case: 'value', value: formatter.value ?? '' } }];
      if (header === undefined) return [];
      return [
        {
          tag,
          type: { case: 'requestHeader', value: { name: header.name ?? '', defaultValue: header.defaultValue ?? '' } },
        },
      ];
    });
}

function providerOf(
  provider: NonNullable<TracingInForce['provider']>,
  places: ProviderPlaces,
  serviceName: string,
): NonNullable<Tracing['provider']> | undefined {
  const sink = sinkOf(provider, places);
  if (sink === undefined) return undefined;
  const { zipkin, opentelemetry } = provider;
  if (zipkin !== undefined) return typed('envoy.tracers.zipkin', ZipkinConfigSchema, zipkinConfig(zipkin, sink));
  return opentelemetry === undefined ? undefined : otlp(opentelemetry, sink, serviceName);
}

function zipkinConfig(
  config: NonNullable<NonNullable<TracingInForce['provider']>['zipkin']>,
  sink: Sink,
): Init<typeof ZipkinConfigSchema> {
  const { timeout, headers, traceContextOption } = config;
  const path = config.path ?? ZIPKIN_PATH;
  return {
    collectorCluster: sink.cluster,
    collectorEndpoint: path,
    collectorHostname: sink.host,
    collectorEndpointVersion: Endpoint.HTTP_JSON,
    traceId128bit: !(config.enable64bitTraceId ?? false),
    sharedSpanContext: false,
    ...(traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION'
      ? { traceContextOption: Context.USE_B3_WITH_W3C_PROPAGATION }
      : {}),
    // The newer form, which can say more, only for who says more: older proxies read the former.
    ...(timeout === undefined && (headers ?? []).length === 0
      ? {}
      : {
          collectorService: {
            httpUri: {
              uri: `http://${sink.host}:${sink.port}${path}`,
              httpUpstreamType: { case: 'cluster', value: sink.cluster },
              timeout: duration(durationMs(timeout, ZIPKIN_TIMEOUT_MS)),
            },
            requestHeadersToAdd: headerValues(headers).map((header) => ({ header })),
          },
        }),
  };
}

function headerValues(list: readonly { readonly name: string; readonly value?: string }[] | undefined) {
  return (list ?? []).map(({ name, value }) => ({ key: name, value: value ?? '' }));
}

function otlp(
  config: NonNullable<NonNullable<TracingInForce['provider']>['opentelemetry']>,
  sink: Sink,
  serviceName: string,
) {
  const { http, grpc } = config;
  const exporter: Init<typeof OpenTelemetryConfigSchema> =
    http === undefined
      ? {
          grpcService: {
            targetSpecifier: { case: 'envoyGrpc', value: { clusterName: sink.cluster, authority: sink.host } },
            initialMetadata: headerValues(grpc?.initialMetadata),
            ...(grpc?.timeout === undefined ? {} : { timeout: duration(durationMs(grpc.timeout, EXPORT_TIMEOUT_MS)) }),
          },
        }
      : {
          httpService: {
            httpUri: {
              uri: `http://${sink.host}:${sink.port}${http.path === undefined || http.path === '' ? OTLP_PATH : http.path}`,
              httpUpstreamType: { case: 'cluster', value: sink.cluster },
              timeout: duration(durationMs(http.timeout, EXPORT_TIMEOUT_MS)),
            },
            requestHeadersToAdd: headerValues(http.headers).map((header) => ({ header })),
          },
        };
  return typed('envoy.tracers.opentelemetry', OpenTelemetryConfigSchema, { serviceName, ...exporter });
}
