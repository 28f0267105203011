// What users of the charts may set, by Istio's names: default, and the path under which `install` knows it.
import type { TreeValue } from '#controllers';
import { DEFAULT_PROXY } from '#controllers';
import type { ChartValue, ChartValues } from './template-reader.ts';

interface Value {
  /** In the chart's values. */
  readonly at: string;
  readonly default: TreeValue;
  /** Where `install` has it, when not under `values.`; null: read by no builder. */
  readonly install?: string;
  /** When the value itself is not what is asked for. */
  readonly expression?: string;
  /** It is written into objects even where it is settled while the chart is written. */
  readonly asText?: boolean;
}

const d = DEFAULT_PROXY;
const IMAGE: readonly Value[] = [
  { at: 'global.hub', default: 'topsail.local' },
  { at: 'global.tag', default: '', expression: '($.Values.global.tag | default $.Chart.AppVersion)' },
  { at: 'global.imagePullPolicy', default: d.imagePullPolicy },
  { at: 'global.imagePullSecrets', default: [] },
];

const MESH: readonly Value[] = [
  { at: 'global.meshID', default: d.meshId },
  { at: 'global.network', default: '' },
  { at: 'global.multiCluster.clusterName', default: d.clusterId },
  { at: 'global.sds.token.aud', default: d.tokenAudience },
  { at: 'global.pilotCertProvider', default: 'istiod' },
  { at: 'global.proxy.clusterDomain', default: d.clusterDomain },
  { at: 'global.proxy.logLevel', default: d.logLevel },
];

export const REVISION = '(include "topsail.revision" $)';

/** By Istio's names at the top of the chart's values; `pilot.NAME`, as of old and as `install` has them, goes over them. */
export const PILOT_VALUES: readonly Value[] = [
  { at: 'autoscaleEnabled', default: true },
  { at: 'autoscaleMin', default: 1 },
  { at: 'autoscaleMax', default: 5 },
  { at: 'replicaCount', default: 1 },
  { at: 'resources', default: { requests: { cpu: '500m', memory: '2048Mi' } } },
  { at: 'env', default: {} },
  { at: 'podAnnotations', default: {} },
  { at: 'cni.enabled', default: false },
  { at: 'taint.enabled', default: false, asText: true },
  { at: 'taint.namespace', default: '', expression: '($.Values.taint.namespace | default $.Release.Namespace)' },
  { at: 'nodeSelector', default: {}, install: 'components.pilot.k8s.nodeSelector' },
  { at: 'tolerations', default: [], install: 'components.pilot.k8s.tolerations' },
].map((one) => ({ install: `values.pilot.${one.at}`, ...one }));

export const ISTIOD_VALUES: readonly Value[] = [
  { at: 'revision', default: '', expression: REVISION },
  ...IMAGE,
  ...MESH,
  {
    at: 'global.logging.level',
    default: 'default:info',
    expression: '(trimPrefix "default:" $.Values.global.logging.level)',
  },
  {
    at: 'global.meshNetworks',
    default: {},
    expression: '($.Values.global.meshNetworks.networks | default $.Values.global.meshNetworks)',
  },
  { at: 'global.proxy.resources', default: d.resources as TreeValue },
  { at: 'global.proxy.statusPort', default: d.statusPort },
  { at: 'global.proxy.readinessInitialDelaySeconds', default: d.readiness.initialDelaySeconds },
  { at: 'global.proxy.readinessPeriodSeconds', default: d.readiness.periodSeconds },
  { at: 'global.proxy.readinessFailureThreshold', default: d.readiness.failureThreshold },
  { at: 'global.proxy.startupProbe.enabled', default: d.startup.enabled },
  { at: 'global.proxy.startupProbe.failureThreshold', default: d.startup.failureThreshold },
  { at: 'global.proxy.includeIPRanges', default: d.includeIPRanges },
  { at: 'global.proxy.excludeIPRanges', default: '' },
  { at: 'global.proxy.includeInboundPorts', default: d.includeInboundPorts },
  { at: 'global.proxy.excludeInboundPorts', default: '' },
  { at: 'global.proxy.includeOutboundPorts', default: '' },
  { at: 'global.proxy.excludeOutboundPorts', default: '' },
  { at: 'global.proxy.holdApplicationUntilProxyStarts', default: false },
  { at: 'global.proxy.privileged', default: false },
  { at: 'global.certSigners', default: [] },
  { at: 'global.caAddress', default: '' },
  ...PILOT_VALUES,
  { at: 'sidecarInjectorWebhook.enableNamespacesByDefault', default: false },
  { at: 'sidecarInjectorWebhook.rewriteAppHTTPProbe', default: true },
  { at: 'sidecarInjectorWebhook.alwaysInjectSelector', default: [] },
  { at: 'sidecarInjectorWebhook.neverInjectSelector', default: [] },
  { at: 'sidecarInjectorWebhook.injectedAnnotations', default: {} },
  { at: 'sidecarInjectorWebhook.templates', default: {} },
  { at: 'sidecarInjectorWebhook.defaultTemplates', default: [] },
  { at: 'meshConfig', default: {}, install: 'meshConfig' },
];

export const CNI_VALUES: readonly Value[] = [
  { at: 'revision', default: '', expression: REVISION },
  ...IMAGE,
  { at: 'cniBinDir', default: '/opt/cni/bin', install: 'values.cni.cniBinDir' },
  { at: 'cniConfDir', default: '/etc/cni/net.d', install: 'values.cni.cniConfDir' },
  { at: 'cniConfFileName', default: '', install: 'values.cni.cniConfFileName' },
  { at: 'chained', default: true, install: 'values.cni.chained' },
  { at: 'excludeNamespaces', default: ['kube-system'], install: 'values.cni.excludeNamespaces' },
  { at: 'repair.enabled', default: true, install: 'values.cni.repair.enabled' },
  { at: 'repair.repairPods', default: true, install: 'values.cni.repair.repairPods' },
  { at: 'repair.deletePods', default: false, install: 'values.cni.repair.deletePods' },
  { at: 'repair.labelPods', default: false, install: 'values.cni.repair.labelPods' },
  {
    at: 'repair.brokenPodLabelKey',
    default: 'cni.istio.io/uninitialized',
    install: 'values.cni.repair.brokenPodLabelKey',
  },
  { at: 'repair.brokenPodLabelValue', default: 'true', install: 'values.cni.repair.brokenPodLabelValue' },
  { at: 'logging.level', default: 'info', install: 'values.cni.logging.level' },
  { at: 'env', default: {}, install: 'values.cni.env' },
  { at: 'resources', default: { requests: { cpu: '100m', memory: '100Mi' } }, install: 'values.cni.resources' },
  { at: 'podAnnotations', default: {}, install: 'values.cni.podAnnotations' },
  { at: 'nodeSelector', default: {}, install: 'components.cni.k8s.nodeSelector' },
  { at: 'tolerations', default: [], install: 'components.cni.k8s.tolerations' },
];

const GATEWAY = 'components.ingressGateways.0';
const OF_GATEWAY = 'values.gateways.istio-ingressgateway';

export const GATEWAY_VALUES: readonly Value[] = [
  { at: 'name', default: '', install: `${GATEWAY}.name`, expression: '(include "topsail.gatewayName" $)' },
  { at: 'revision', default: '', expression: REVISION },
  ...IMAGE,
  { at: 'global.istioNamespace', default: 'istio-system', install: 'namespace' },
  ...MESH,
  {
    at: 'global.caAddress',
    default: '',
    // The whole address: what a gateway's container is told is settled here.
    expression:
      '($.Values.global.caAddress | default (printf "istiod%v.%v.svc:15012" (include "topsail.suffix" $) $.Values.global.istioNamespace))',
  },
  { at: 'replicaCount', default: 1, install: `${GATEWAY}.k8s.replicaCount` },
  {
    at: 'resources',
    default: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
    install: `${GATEWAY}.k8s.resources`,
  },
  {
    at: 'serviceAccount.name',
    default: '',
    install: `${OF_GATEWAY}.serviceAccount`,
    expression: '($.Values.serviceAccount.name | default (include "topsail.gatewayName" $))',
  },
  { at: 'service.type', default: 'LoadBalancer', install: `${GATEWAY}.k8s.service.type` },
  {
    at: 'labels',
    default: {},
    install: `${GATEWAY}.label`,
    expression:
      '(mergeOverwrite (dict "istio" (include "topsail.gatewayName" $ | trimPrefix "istio-")) (deepCopy $.Values.labels))',
  },
  { at: 'env', default: {}, install: `${OF_GATEWAY}.env` },
  { at: 'podAnnotations', default: {}, install: `${OF_GATEWAY}.podAnnotations` },
  { at: 'nodeSelector', default: {}, install: `${GATEWAY}.k8s.nodeSelector` },
  { at: 'tolerations', default: [], install: `${GATEWAY}.k8s.tolerations` },
  { at: 'meshConfig', default: {}, install: 'meshConfig' },
];

/** `constants`: what is settled while the chart is written. */
export function chartValues(values: readonly Value[], constants: Readonly<Record<string, TreeValue>>): ChartValues {
  const known = new Map<string, ChartValue>();
  for (const value of values)
    known.set(value.install ?? `values.${value.at}`, { expression: value.expression ?? `$.Values.${value.at}` });
  for (const [path, constant] of Object.entries(constants)) {
    const asText = values.find((one) => one.asText === true && one.install === path);
    known.set(path, asText === undefined ? { constant } : { constant, expression: `$.Values.${asText.at}` });
  }
  return known;
}

/** The chart's values.yaml as a tree. */
export function defaultsOf(values: readonly Value[]): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const { at, default: value } of values) {
    const keys = at.split('.');
    const last = keys.pop() as string;
    let inner = tree;
    for (const key of keys) inner = (inner[key] ??= {}) as Record<string, unknown>;
    inner[last] = value;
  }
  return tree;
}
