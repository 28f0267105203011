// Reads the tracing of an HttpConnectionManager: sampling, custom tags, and the tracers that this proxy has
// (envoy.tracers.zipkin, envoy.tracers.opentelemetry).

import type { OpenTelemetryConfig } from '#proto/envoy/config/trace/v3/opentelemetry_pb.ts';
import type { ZipkinConfig } from '#proto/envoy/config/trace/v3/zipkin_pb.ts';
import type { HttpConnectionManager } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { UuidRequestIdConfig } from '#proto/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import type { CustomTag } from '#proto/envoy/type/tracing/v3/custom_tag_pb.ts';
import type { TraceFormat } from '#telemetry';
import { unpack } from '../apply/decode.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { ProxyServices } from '../services.ts';
import { MAX_HEADER_TAG_CHARS } from './limits.ts';
import type { Collector } from './span-exporter.ts';
import { StreamTracer, type TagReader } from './stream-tracer.ts';

const ZIPKIN = 'envoy.config.trace.v3.ZipkinConfig';
const OTLP = 'envoy.config.trace.v3.OpenTelemetryConfig';
const UUID = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';
const JSON_ENDPOINT = 1;
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
  const found = collectorOf(tracing, `${at}.provider`);
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
    tags: tracing.customTags.map((tag, i) => compileTag(tag, services, `${at}.custom_tags[${i}]`)),
    maxPathLength: tracing.maxPathTagLength ?? MAX_PATH,
    formats: found?.formats ?? [],
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
}

function collectorOf(tracing: Tracing, field: string): Found | undefined {
  const { provider } = tracing;
  if (provider === undefined) return undefined;
  const config = provider.configType.case === 'typedConfig' ? provider.configType.value : undefined;
  const zipkin = unpack<ZipkinConfig>(config, ZIPKIN, field);
  if (zipkin !== undefined) return fromZipkin(zipkin, field);
  const otlp = unpack<OpenTelemetryConfig>(config, OTLP, field);
  if (otlp !== undefined) return fromOtlp(otlp, field);
  throw new ConfigError(
    'proxy.unsupported',
    `${field} "${provider.name}"`,
    'use the Zipkin or the OpenTelemetry tracer',
  );
}

function fromZipkin(config: ZipkinConfig, field: string): Found {
  if (config.collectorEndpointVersion !== JSON_ENDPOINT)
    throw new ConfigError('proxy.unsupported', `${field}.collector_endpoint_version`, 'use HTTP_JSON');
  return {
    collector: {
      kind: 'zipkin',
      cluster: config.collectorCluster,
      authority: config.collectorHostname === '' ? config.collectorCluster : config.collectorHostname,
      path: config.collectorEndpoint,
      timeoutMs: 0,
      headers: [],
      serviceName: '',
    },
    formats: ['b3-multi', 'b3-single', 'w3c'],
    shortIds: !config.traceId128bit,
  };
}

function fromOtlp(config: OpenTelemetryConfig, field: string): Found {
  const formats: readonly TraceFormat[] = ['w3c', 'b3-single', 'b3-multi'];
  const { grpcService, httpService, serviceName } = config;
  if (httpService?.httpUri !== undefined) {
    const { uri, httpUpstreamType, timeout } = httpService.httpUri;
    if (httpUpstreamType.case !== 'cluster')
      throw new ConfigError('proxy.field-required', `${field}.http_service.http_uri.cluster`);
    const [, authority = '', path = '/'] = /^https?:\/\/([^/]*)(\/.*)?$/.exec(uri) ?? [];
    return {
      collector: {
        kind: 'otlp-http',
        cluster: httpUpstreamType.value,
        authority,
        path,
        timeoutMs: millisOf(timeout) ?? 0,
        headers: httpService.requestHeadersToAdd.map(({ header }) => [header?.key ?? '', header?.value ?? ''] as const),
        serviceName,
      },
      formats,
      shortIds: false,
    };
  }
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
  };
}

export function compileTag({ tag, type }: CustomTag, { self }: ProxyServices, field: string): TagReader {
  switch (type.case) {
    case 'literal': {
      const made = [tag, type.value.value] as const;
      return () => made;
    }
    case 'environment': {
      const value = self.environment(type.value.name) ?? type.value.defaultValue;
      // Without a value there is no tag, as in Envoy.
      const made = value === '' ? undefined : ([tag, value] as const);
      return () => made;
    }
    case 'requestHeader': {
      const { name, defaultValue } = type.value;
      const lower = name.toLowerCase();
      return (record) => {
        const value = record.requestHeaders?.get(lower) ?? defaultValue;
        return value === '' ? undefined : [tag, value.slice(0, MAX_HEADER_TAG_CHARS)];
      };
    }
    default:
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.${type.case ?? 'type'}`,
        'use literal, environment or request_header',
      );
  }
}
