// Reads the tracing of an HttpConnectionManager: sampling, custom tags, and the tracers that this proxy has
// (envoy.tracers.zipkin, envoy.tracers.opentelemetry).

import type { HttpService } from '#proto/envoy/config/core/v3/http_service_pb.ts';
import type { OpenTelemetryConfig } from '#proto/envoy/config/trace/v3/opentelemetry_pb.ts';
import type { ZipkinConfig } from '#proto/envoy/config/trace/v3/zipkin_pb.ts';
import type { HttpConnectionManager } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { UuidRequestIdConfig } from '#proto/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import type { TraceFormat } from '#telemetry';
import { typeNameOf, unpack } from '../apply/decode.ts';
import { unknownExtension } from '../apply/extensions.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { ProxyServices } from '../services.ts';
import { compileTag } from './compile-tag.ts';
import type { Collector } from './span-exporter.ts';
import { StreamTracer } from './stream-tracer.ts';

const ZIPKIN = 'envoy.config.trace.v3.ZipkinConfig';
const OTLP = 'envoy.config.trace.v3.OpenTelemetryConfig';
const UUID = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';
/** Envoy's, which have no part here. */
const OTHER_TRACERS = new Set(
  ['DatadogConfig', 'SkyWalkingConfig', 'XRayConfig', 'DynamicOtConfig'].map((name) => `envoy.config.trace.v3.${name}`),
);
const JSON_ENDPOINT = 1;
const B3_AND_W3C = 1;
const MAX_PATH = 256;

type Tracing = NonNullable<HttpConnectionManager['tracing']>;
type Warn = (field: string, reason: string) => void;

export function compileTracer(
  hcm: HttpConnectionManager,
  kind: 'server' | 'client',
  services: ProxyServices,
  warn: Warn,
  field: string,
): StreamTracer | undefined {
  const { tracing } = hcm;
  if (tracing === undefined) return undefined;
  const at = `${field}.tracing`;
  if (tracing.verbose) warn(`${at}.verbose`, 'spans hold no annotations');
  if (tracing.spawnUpstreamSpan === true) warn(`${at}.spawn_upstream_span`, 'one span is made of a request');
  const found = collectorOf(tracing, warn, `${at}.provider`);
  const exporter = found === undefined ? undefined : services.spans.acquire(found.collector);
  const percent = (value: { readonly value: number } | undefined): number => value?.value ?? 100;
  return new StreamTracer({
    kind,
    rates: {
      random: percent(tracing.randomSampling),
      client: percent(tracing.clientSampling),
      overall: percent(tracing.overallSampling),
    },
    useRequestId: useRequestId(hcm, field),
    tags: tracing.customTags.map((tag, i) => compileTag(tag, services, warn, `${at}.custom_tags[${i}]`)),
    maxPathLength: tracing.maxPathTagLength ?? MAX_PATH,
    formats: found?.formats ?? [],
    alsoW3c: found?.alsoW3c ?? false,
    keepsContext: tracing.noContextPropagation,
    shortIds: found?.shortIds ?? false,
    exporter,
    self: services.self,
    random: services.random,
    dispose: () => {
      if (found !== undefined) services.spans.release(found.collector);
    },
  });
}

function useRequestId(hcm: HttpConnectionManager, field: string): boolean {
  const config = unpack<UuidRequestIdConfig>(
    hcm.requestIdExtension?.typedConfig,
    UUID,
    `${field}.request_id_extension`,
  );
  return config?.useRequestIdForTraceSampling ?? true;
}

interface Found {
  readonly collector: Collector;
  readonly formats: readonly TraceFormat[];
  readonly shortIds: boolean;
  /** W3C's header is written beside B3's, whatever came. */
  readonly alsoW3c: boolean;
}

function collectorOf(tracing: Tracing, warn: Warn, field: string): Found | undefined {
  const { provider } = tracing;
  if (provider === undefined) return undefined;
  const config = provider.configType.case === 'typedConfig' ? provider.configType.value : undefined;
  const zipkin = unpack<ZipkinConfig>(config, ZIPKIN, field);
  if (zipkin !== undefined) return fromZipkin(zipkin, field);
  const otlp = unpack<OpenTelemetryConfig>(config, OTLP, field);
  if (otlp !== undefined) return fromOtlp(otlp, field);
  // Requests matter more than their spans: what Envoy would take is taken, and said.
  if (OTHER_TRACERS.has(typeNameOf(config?.typeUrl ?? ''))) {
    warn(`${field} "${provider.name}"`, 'no spans are told: use the Zipkin or the OpenTelemetry tracer');
    return undefined;
  }
  throw new ConfigError('proxy.field-invalid', field, unknownExtension(provider.name, config?.typeUrl ?? ''));
}

function fromZipkin(config: ZipkinConfig, field: string): Found {
  if (config.collectorEndpointVersion !== JSON_ENDPOINT)
    throw new ConfigError('proxy.unsupported', `${field}.collector_endpoint_version`, 'use HTTP_JSON');
  const service = config.collectorService;
  return {
    collector: {
      kind: 'zipkin',
      serviceName: '',
      ...(service?.httpUri === undefined
        ? {
            cluster: config.collectorCluster,
            authority: config.collectorHostname === '' ? config.collectorCluster : config.collectorHostname,
            path: config.collectorEndpoint,
            timeoutMs: 0,
            headers: [],
          }
        : overHttp(service, `${field}.collector_service`)),
    },
    formats: ['b3-multi', 'b3-single', 'w3c'],
    shortIds: !config.traceId128bit,
    alsoW3c: config.traceContextOption === B3_AND_W3C,
  };
}

function fromOtlp(config: OpenTelemetryConfig, field: string): Found {
  const formats: readonly TraceFormat[] = ['w3c', 'b3-single', 'b3-multi'];
  const { grpcService, httpService, serviceName } = config;
  if (httpService?.httpUri !== undefined)
    return {
      collector: { kind: 'otlp-http', serviceName, ...overHttp(httpService, `${field}.http_service`) },
      formats,
      shortIds: false,
      alsoW3c: false,
    };
  const target = grpcService?.targetSpecifier;
  if (target?.case !== 'envoyGrpc')
    throw new ConfigError('proxy.unsupported', `${field}.grpc_service`, 'give envoy_grpc with a cluster');
  return {
    collector: {
      kind: 'otlp-grpc',
      cluster: target.value.clusterName,
      authority: target.value.authority === '' ? target.value.clusterName : target.value.authority,
      path: '',
      timeoutMs: millisOf(grpcService?.timeout) ?? 0,
      headers: (grpcService?.initialMetadata ?? []).map(({ key, value }) => [key, value] as const),
      serviceName,
    },
    formats,
    shortIds: false,
    alsoW3c: false,
  };
}

/** Authority and path of a whole address, or a path alone, as Envoy takes both. */
function overHttp(
  { httpUri, requestHeadersToAdd }: HttpService,
  field: string,
): Pick<Collector, 'cluster' | 'authority' | 'path' | 'timeoutMs' | 'headers'> {
  const cluster = httpUri?.httpUpstreamType;
  if (httpUri === undefined || cluster?.case !== 'cluster')
    throw new ConfigError('proxy.field-required', `${field}.http_uri.cluster`);
  const [, authority = '', path = '/'] = /^(?:https?:\/\/([^/]*))?(\/.*)?$/.exec(httpUri.uri) ?? [];
  return {
    cluster: cluster.value,
    authority: authority === '' ? cluster.value : authority,
    path,
    timeoutMs: millisOf(httpUri.timeout) ?? 0,
    headers: requestHeadersToAdd.map(({ header }) => [header?.key ?? '', header?.value ?? ''] as const),
  };
}
