// What the Telemetry objects of mesh, namespace and workload together ask of one proxy (telemetry/v1alpha1;
// pilot/pkg/model/telemetry.go says how they are laid over each other): child over parent, field by field.

import { type ConfigView, durationMs, type ExtensionProvider, type SpecOf } from '#config';
import type { ConfigObject } from '#config';
import type { MeshSettings } from './mesh-settings.ts';
import { levelsOf, type ProxyIdentity } from './policies.ts';

export type Telemetry = ConfigObject<SpecOf<'Telemetry'>>;
type TelemetrySpec = SpecOf<'Telemetry'>;
type MetricChange = NonNullable<NonNullable<TelemetrySpec['metrics']>[number]['overrides']>[number];
type Standard = NonNullable<NonNullable<MetricChange['match']>['metric']>;

export type TelemetrySide = 'CLIENT' | 'SERVER';

export interface LogInForce {
  readonly provider: ExtensionProvider;
  /** CEL; '' = every request. */
  readonly filter: string;
}

/** As both Telemetry and MeshConfig write them; exactly one is set. */
export type CustomTags = Readonly<
  Record<
    string,
    {
      readonly literal?: { readonly value?: string };
      readonly environment?: { readonly name?: string; readonly defaultValue?: string };
      readonly header?: { readonly name?: string; readonly defaultValue?: string };
      readonly formatter?: { readonly value?: string };
    }
  >
>;

export interface TracingInForce {
  /** Undefined: headers are passed on, and nothing is reported. */
  readonly provider: ExtensionProvider | undefined;
  /** Percent. */
  readonly sampling: number;
  readonly customTags: CustomTags;
  readonly useRequestId: boolean;
  readonly istioTags: boolean;
  /** No trace headers go onward. */
  readonly keepsContext: boolean;
  readonly maxTagLength: number | undefined;
}

/** What is changed about one metric. */
export interface MetricInForce {
  /** Without the prefix istio_; '' = every metric. */
  readonly name: string;
  readonly disabled: boolean | undefined;
  /** Label -> CEL expression; null = the label is dropped. */
  readonly tags: ReadonlyMap<string, string | null>;
}

export interface SideTelemetry {
  /** Undefined: nobody asked through Telemetry, MeshConfig's own log settings hold. */
  readonly logs: readonly LogInForce[] | undefined;
  readonly tracing: TracingInForce | undefined;
  /** Changes to the standard metrics; without a provider of metrics, all are off. */
  readonly metrics: readonly MetricInForce[];
  readonly reportingMs: number | undefined;
}

export interface MergedTelemetry {
  readonly client: SideTelemetry;
  readonly server: SideTelemetry;
}

const METRIC_NAMES: Readonly<Record<Standard, string>> = {
  ALL_METRICS: '',
  REQUEST_COUNT: 'requests_total',
  REQUEST_DURATION: 'request_duration_milliseconds',
  REQUEST_SIZE: 'request_bytes',
  RESPONSE_SIZE: 'response_bytes',
  TCP_OPENED_CONNECTIONS: 'tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'tcp_connections_closed_total',
  TCP_SENT_BYTES: 'tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'response_messages_total',
};

/** Istio's own providers, which a mesh has without naming them. */
const BUILT_IN: readonly ExtensionProvider[] = [
  { name: 'prometheus', prometheus: {} },
  { name: 'envoy', envoyFileAccessLog: { path: '/dev/stdout' } },
];

/** Percent of requests that are traced where nobody says otherwise. */
export const DEFAULT_SAMPLING_PERCENT = 1;
/** Zipkin of MeshConfig's older setting (defaultConfig.tracing.zipkin.address). */
const LEGACY_ZIPKIN = 'defaultConfig.tracing.zipkin';

/** The mesh's, the namespace's, the workload's: at most one of each, the oldest. */
export function telemetriesOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): readonly Telemetry[] {
  return levelsOf<Telemetry>(view.list('Telemetry', rootNamespace), view.list('Telemetry', proxy.namespace), {
    proxy,
    rootNamespace,
  });
}

export function providerNamed(mesh: MeshSettings, name: string): ExtensionProvider | undefined {
  return (
    mesh.spec.extensionProviders?.find((provider) => provider.name === name) ??
    BUILT_IN.find((provider) => provider.name === name) ??
    (name === LEGACY_ZIPKIN ? legacyZipkin(mesh) : undefined)
  );
}

export function mergeTelemetry(objects: readonly Telemetry[], mesh: MeshSettings): MergedTelemetry {
  const side = (of: TelemetrySide): SideTelemetry => {
    const specs = objects.map(({ spec }) => spec);
    return Object.freeze({
      logs: logsOf(specs, mesh, of),
      tracing: tracingOf(specs, mesh, of),
      ...metricsOf(specs, mesh, of),
    });
  };
  return Object.freeze({ client: side('CLIENT'), server: side('SERVER') });
}

function holds(match: { readonly mode?: string } | undefined, side: TelemetrySide): boolean {
  const mode = match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode === side;
}

function logsOf(specs: readonly TelemetrySpec[], mesh: MeshSettings, side: TelemetrySide): LogInForce[] | undefined {
  const levels = specs.map((spec) => spec.accessLogging ?? []).filter((level) => level.length > 0);
  const defaults = mesh.spec.defaultProviders?.accessLogging ?? [];
  if (levels.length === 0 && defaults.length === 0) return undefined;
  // The lowest level that names providers decides which ones there are; what levels say of them is laid over each other.
  let scope: readonly string[] = defaults;
  for (const level of levels) {
    const names = level.filter(({ match }) => holds(match, side)).flatMap(({ providers }) => namesOf(providers));
    if (names.length > 0) scope = names;
  }
  const found = new Map<string, string>(levels.length === 0 ? defaults.map((name) => [name, '']) : []);
  let inherited: readonly string[] = defaults;
  for (const entry of levels.flat()) {
    const names = namesOf(entry.providers);
    inherited = names.length > 0 ? names : inherited;
    if (!holds(entry.match, side)) continue;
    for (const name of inherited) {
      if (!scope.includes(name)) continue;
      if (entry.disabled === true) found.delete(name);
      else found.set(name, entry.filter?.expression ?? '');
    }
  }
  return [...found].flatMap(([name, filter]) => {
    const provider = providerNamed(mesh, name);
    return provider === undefined ? [] : [{ provider, filter }];
  });
}

function tracingOf(
  specs: readonly TelemetrySpec[],
  mesh: MeshSettings,
  side: TelemetrySide,
): TracingInForce | undefined {
  const entries = specs.flatMap(({ tracing }) => tracing ?? []).filter(({ match }) => holds(match, side));
  const legacy = mesh.spec.enableTracing !== false && legacyZipkin(mesh) !== undefined ? LEGACY_ZIPKIN : undefined;
  let name = mesh.spec.defaultProviders?.tracing?.[0] ?? legacy;
  if (entries.length === 0 && name === undefined) return undefined;
  const configured = mesh.spec.defaultConfig?.tracing;
  let sampling = configured?.sampling ?? DEFAULT_SAMPLING_PERCENT;
  let customTags: CustomTags = configured?.customTags ?? {};
  let disabled = false;
  let useRequestId = true;
  let istioTags = configured?.enableIstioTags ?? true;
  let keepsContext = false;
  for (const entry of entries) {
    name = namesOf(entry.providers)[0] ?? name;
    disabled = entry.disableSpanReporting ?? disabled;
    sampling = entry.randomSamplingPercentage ?? sampling;
    customTags = entry.customTags ?? customTags;
    useRequestId = entry.useRequestIdForTraceSampling ?? useRequestId;
    istioTags = entry.enableIstioTags ?? istioTags;
    keepsContext = entry.disableContextPropagation ?? keepsContext;
  }
  const provider = name === undefined || disabled ? undefined : providerNamed(mesh, name);
  if (provider === undefined && !disabled) return undefined;
  const maxTagLength =
    provider?.zipkin?.maxTagLength ?? provider?.opentelemetry?.maxTagLength ?? configured?.maxPathTagLength;
  return { provider, sampling, customTags, useRequestId, istioTags, keepsContext, maxTagLength };
}

function metricsOf(
  specs: readonly TelemetrySpec[],
  mesh: MeshSettings,
  side: TelemetrySide,
): Pick<SideTelemetry, 'metrics' | 'reportingMs'> {
  const entries = specs.flatMap(({ metrics }) => metrics ?? []);
  let names: readonly string[] = mesh.spec.defaultProviders?.metrics ?? ['prometheus'];
  let reportingMs: number | undefined;
  const changes = new Map<string, { disabled: boolean | undefined; tags: Map<string, string | null> }>();
  for (const entry of entries) {
    if (namesOf(entry.providers).length > 0) names = namesOf(entry.providers);
    if (entry.reportingInterval !== undefined) reportingMs = durationMs(entry.reportingInterval, 5_000);
    for (const override of entry.overrides ?? []) {
      if (!holds(override.match, side)) continue;
      for (const name of metricsNamed(override.match)) {
        const change = changes.get(name) ?? { disabled: undefined, tags: new Map<string, string | null>() };
        changes.set(name, change);
        change.disabled = override.disabled ?? change.disabled;
        for (const [tag, { operation, value }] of Object.entries(override.tagOverrides ?? {}))
          change.tags.set(tag, operation === 'REMOVE' ? null : (value ?? ''));
      }
    }
  }
  const counted = names.some((name) => providerNamed(mesh, name)?.prometheus !== undefined);
  const metrics = counted
    ? [...changes].map(([name, { disabled, tags }]) => ({ name, disabled, tags }))
    : [{ name: '', disabled: true, tags: new Map<string, string | null>() }];
  return { metrics, reportingMs };
}

/** One metric, or '' for all of them; a level below may then say otherwise of one. */
function metricsNamed(match: MetricChange['match']): readonly string[] {
  if (match?.customMetric !== undefined) return [match.customMetric.replace(/^istio_/, '')];
  return [METRIC_NAMES[match?.metric ?? 'ALL_METRICS']];
}

function namesOf(providers: readonly { readonly name: string }[] | undefined): readonly string[] {
  return (providers ?? []).map(({ name }) => name);
}

function legacyZipkin(mesh: MeshSettings): ExtensionProvider | undefined {
  const { zipkin, tlsSettings } = mesh.spec.defaultConfig?.tracing ?? {};
  // TLS that is asked for is not put on: nothing leaves rather than in plaintext.
  if ((tlsSettings?.mode ?? 'DISABLE') !== 'DISABLE') return undefined;
  const address = zipkin?.address ?? '';
  const [, service, port] = /^(.+):(\d+)$/.exec(address) ?? [];
  return service === undefined ? undefined : { name: LEGACY_ZIPKIN, zipkin: { service, port: Number(port) } };
}
