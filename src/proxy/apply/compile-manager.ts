// Reads an HttpConnectionManager message into its configuration; refuses what Envoy would refuse.

import type { AccessLog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type {
  HttpConnectionManager,
  HttpFilter as FilterMessage,
} from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Router as RouterMessage } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import type { StreamRecord } from '#telemetry';
import { DEFAULT_H1_LIMITS } from '#wire/h1';
import { ConfigError } from '../errors.ts';
import type { HttpFilterFactory } from '../http/filter.ts';
import { readH2Settings } from '../http/h2-settings.ts';
import type { ManagerConfig, ReplyMapper, RouterOptions, RouteSource, StreamSink } from '../http/manager-config.ts';
import { compileLogFilter } from '../access-log/log-filter.ts';
import { compileTextFormat, logContext } from '../format/index.ts';
import { compileCidrs } from '../listener/cidr-list.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { ProxyServices } from '../services.ts';
import { decodeMessage, typeNameOf } from './decode.ts';
import { type ExtensionRegistry, unknownExtension } from './extensions.ts';
import type { RouteStore } from './route-store.ts';
import { tellUnread } from './unread-fields.ts';

export interface CompileContext {
  readonly services: ProxyServices;
  readonly extensions: ExtensionRegistry;
  readonly routes: RouteStore;
  readonly warn: (field: string, reason: string) => void;
}

const ROUTER = 'envoy.extensions.filters.http.router.v3.Router';
const BUFFER_DEFAULT = 1 << 20;
const STREAM_IDLE_DEFAULT_MS = 300_000;
const IDLE_DEFAULT_MS = 3_600_000;
const DELAYED_CLOSE_DEFAULT_MS = 1000;
const DRAIN_DEFAULT_MS = 5000;
const XFCC_MODES = ['sanitize', 'forward-only', 'append-forward', 'sanitize-set', 'always-forward-only'] as const;
/** By the numbers of PathWithEscapedSlashesAction; 0 = the implementation's default. */
const SLASHES = ['keep', 'keep', 'reject', 'redirect', 'forward'] as const;
const SERVER_HEADER = ['overwrite', 'append-if-absent', 'pass-through'] as const;
const CODECS = ['auto', 'h1', 'h2', 'auto'] as const;

export function compileManager(
  hcm: HttpConnectionManager,
  context: CompileContext,
  bufferLimit: number | undefined,
  field: string,
): ManagerConfig {
  tellUnread('HttpConnectionManager', hcm, field, context.warn);
  const common = hcm.commonHttpProtocolOptions;
  const http1 = hcm.httpProtocolOptions;
  if (hcm.codecType === 3)
    throw new ConfigError('proxy.unsupported', `${field}.codec_type`, 'HTTP/3 is not part of it');
  return {
    statPrefix: hcm.statPrefix,
    codec: CODECS[hcm.codecType] ?? 'auto',
    routes: routeSource(hcm, context, field),
    filters: compileFilters(hcm.httpFilters, context, hcm.statPrefix, `${field}.http_filters`),
    routed: hcm.httpFilters.length > 0,
    router: readRouter(hcm.httpFilters.at(-1), context, `${field}.http_filters`),
    sinks: compileSinks(hcm.accessLog, context),
    tracer: undefined,
    replyMappers: compileReplyMappers(hcm, context, field),
    serverName: hcm.serverName === '' ? 'envoy' : hcm.serverName,
    serverHeader: SERVER_HEADER[hcm.serverHeaderTransformation] ?? 'overwrite',
    via: hcm.via,
    limits: {
      ...DEFAULT_H1_LIMITS,
      headBytesMax: (hcm.maxRequestHeadersKb ?? DEFAULT_H1_LIMITS.headBytesMax / 1024) * 1024,
      fieldsMax: common?.maxHeadersCount ?? DEFAULT_H1_LIMITS.fieldsMax,
    },
    h2: readH2Settings(hcm.http2ProtocolOptions, 'client', `${field}.http2_protocol_options`, context.warn),
    h2ConnectProtocol: hcm.http2ProtocolOptions?.allowConnect ?? false,
    acceptHttp10: http1?.acceptHttp10 ?? false,
    defaultHostForHttp10: http1?.defaultHostForHttp10 ?? '',
    path: {
      normalize: hcm.normalizePath ?? false,
      mergeSlashes: hcm.mergeSlashes,
      escapedSlashes: SLASHES[hcm.pathWithEscapedSlashesAction] ?? 'keep',
    },
    underscores:
      common?.headersWithUnderscoresAction === 1
        ? 'reject'
        : common?.headersWithUnderscoresAction === 2
          ? 'drop'
          : 'allow',
    stripPort:
      hcm.stripPortMode.case === 'stripAnyHostPort' && hcm.stripPortMode.value
        ? 'any'
        : hcm.stripMatchingHostPort
          ? 'matching'
          : 'none',
    stripTrailingDot: hcm.stripTrailingHostDot,
    useRemoteAddress: hcm.useRemoteAddress ?? false,
    trustedHops: hcm.xffNumTrustedHops,
    skipXffAppend: hcm.skipXffAppend,
    internalAddress: internalAddresses(hcm),
    appendForwardedPort: hcm.appendXForwardedPort,
    schemeOverwrite: schemeOf(hcm, field),
    generateRequestId: hcm.generateRequestId ?? true,
    preserveExternalRequestId: hcm.preserveExternalRequestId,
    alwaysSetRequestIdInResponse: hcm.alwaysSetRequestIdInResponse,
    xfccMode: XFCC_MODES[hcm.forwardClientCertDetails] ?? 'sanitize',
    xfccParts: xfccParts(hcm),
    proxy100Continue: hcm.proxy100Continue,
    upgrades: new Map(hcm.upgradeConfigs.map((u) => [u.upgradeType.toLowerCase(), u.enabled ?? true])),
    streamIdleMs: millisOf(hcm.streamIdleTimeout) ?? STREAM_IDLE_DEFAULT_MS,
    requestTimeoutMs: millisOf(hcm.requestTimeout) ?? 0,
    headersTimeoutMs: millisOf(hcm.requestHeadersTimeout) ?? 0,
    idleMs: millisOf(common?.idleTimeout) ?? IDLE_DEFAULT_MS,
    maxConnectionMs: millisOf(common?.maxConnectionDuration) ?? 0,
    maxStreamMs: millisOf(common?.maxStreamDuration) ?? 0,
    delayedCloseMs: millisOf(hcm.delayedCloseTimeout) ?? DELAYED_CLOSE_DEFAULT_MS,
    drainMs: millisOf(hcm.drainTimeout) ?? DRAIN_DEFAULT_MS,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    bufferLimit: bufferLimit ?? BUFFER_DEFAULT,
    addUserAgent: '',
  };
}

export function compileSinks(logs: readonly AccessLog[], context: CompileContext): readonly StreamSink[] {
  return [...context.extensions.commonSinks, ...compileLogs(logs, context)];
}

export function compileLogs(logs: readonly AccessLog[], context: CompileContext): readonly StreamSink[] {
  return logs.map((log) => {
    const config = log.configType.value;
    const extension = config === undefined ? undefined : context.extensions.streamSink(config.typeUrl);
    if (config === undefined || extension === undefined)
      throw new ConfigError('proxy.field-invalid', 'access_log', unknownExtension(log.name, config?.typeUrl ?? ''));
    return extension.build(config.value, context.services, log);
  });
}

function compileFilters(
  filters: readonly FilterMessage[],
  context: CompileContext,
  statPrefix: string,
  field: string,
): HttpFilterFactory[] {
  const factories: HttpFilterFactory[] = [];
  const { services } = context;
  filters.forEach((filter, i) => {
    const at = `${field}[${i}] "${filter.name}"`;
    const last = i === filters.length - 1;
    const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
    if (config === undefined)
      throw new ConfigError('proxy.unsupported', at, 'give typed_config: filters by config_discovery are not read');
    const isRouter = typeNameOf(config.typeUrl) === ROUTER;
    if (isRouter !== last)
      throw new ConfigError(
        'proxy.field-invalid',
        field,
        isRouter
          ? `terminal filter "${filter.name}" must be the last of the chain`
          : `non-terminal filter "${filter.name}" is the last filter of the chain`,
      );
    if (isRouter || filter.disabled) return;
    const extension = context.extensions.httpFilter(config.typeUrl);
    if (extension === undefined) {
      if (filter.isOptional) return context.warn(at, 'is optional and not part of this proxy: left out');
      throw new ConfigError('proxy.field-invalid', at, unknownExtension(filter.name, config.typeUrl));
    }
    factories.push(
      extension.build(
        config.value,
        {
          clock: services.clock,
          random: services.random,
          log: services.log,
          stats: services.stats,
          clusters: services.clusters,
          statPrefix: `http.${statPrefix}.`,
          place: at,
          sharing: services.sharing,
          leases: services.leases,
          self: services.self,
          modules: services.modules,
        },
        filter.name,
      ),
    );
  });
  return factories;
}

/** Where there is none nobody answers. */
function readRouter(filter: FilterMessage | undefined, context: CompileContext, field: string): RouterOptions {
  const config = filter?.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  if (config === undefined) return { suppressHeaders: false, respectExpectedTimeout: false, strict: [] };
  const router = decodeMessage<RouterMessage>(ROUTER, config.value, field);
  tellUnread('Router', router, field, context.warn);
  return {
    suppressHeaders: router.suppressEnvoyHeaders,
    respectExpectedTimeout: router.respectExpectedRqTimeout,
    strict: router.strictCheckHeaders.map((name) => name.toLowerCase()),
  };
}

function routeSource(hcm: HttpConnectionManager, context: CompileContext, field: string): RouteSource {
  const specifier = hcm.routeSpecifier;
  switch (specifier.case) {
    case 'routeConfig':
      return { name: specifier.value.name, current: context.routes.compile(specifier.value, field) };
    case 'rds':
      return context.routes.byName(specifier.value.routeConfigName);
    default:
      throw new ConfigError('proxy.unsupported', `${field}.route_specifier`, 'give route_config or rds');
  }
}

function internalAddresses(hcm: HttpConnectionManager): (address: string) => boolean {
  const ranges = hcm.internalAddressConfig?.cidrRanges ?? [];
  // Without ranges Envoy takes nobody for internal since 1.32; RFC 1918 before. The stricter of both.
  if (ranges.length === 0) return () => false;
  const list = compileCidrs(ranges);
  return (address) => list.longestMatch(address) >= 0;
}

function schemeOf(hcm: HttpConnectionManager, field: string): '' | 'http' | 'https' {
  const scheme = hcm.schemeHeaderTransformation?.transformation.value ?? '';
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https')
    throw new ConfigError('proxy.field-invalid', `${field}.scheme_header_transformation`, 'must be http or https');
  return scheme;
}

function xfccParts(hcm: HttpConnectionManager): ManagerConfig['xfccParts'] {
  const details = hcm.setCurrentClientCertDetails;
  return {
    subject: details?.subject ?? false,
    cert: details?.cert ?? false,
    chain: details?.chain ?? false,
    dns: details?.dns ?? false,
    uri: details?.uri ?? false,
  };
}

/** What local replies become. */
function compileReplyMappers(
  hcm: HttpConnectionManager,
  context: CompileContext,
  field: string,
): readonly ReplyMapper[] {
  const config = hcm.localReplyConfig;
  if (config === undefined) return [];
  const at = `${field}.local_reply_config`;
  if (config.bodyFormat !== undefined) context.warn(`${at}.body_format`, 'local replies keep their own words');
  return config.mappers.map((mapper, i) => {
    const here = `${at}.mappers[${i}]`;
    if (mapper.filter === undefined) throw new ConfigError('proxy.field-required', `${here}.filter`);
    if (mapper.bodyFormatOverride !== undefined)
      context.warn(`${here}.body_format_override`, 'the body is sent as it is written');
    const body = mapper.body?.specifier.case === 'inlineString' ? mapper.body.specifier.value : undefined;
    if (mapper.body !== undefined && body === undefined)
      context.warn(`${here}.body`, 'give inline_string: local replies keep their own words');
    return {
      applies: compileLogFilter(mapper.filter, `${here}.filter`, context.services.random),
      ...(mapper.statusCode === undefined ? {} : { status: mapper.statusCode }),
      ...(body === undefined ? {} : { body }),
      headers: mapper.headersToAdd.map(({ header }, n) => {
        const text = compileTextFormat(header?.value ?? '', `${here}.headers_to_add[${n}].header.value`, '');
        return [
          header?.key ?? '',
          (record: StreamRecord) => text.format(logContext(record, record.startWallMs)),
        ] as const;
      }),
    };
  });
}
