// What injection is told beside the pod: the ConfigMap `istio-sidecar-injector`, key `config`, as JSON.
import type { Resources } from '../kube/pod.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface ProxyDefaults {
  readonly image: string;
  /** The image for pods that ask for Envoy as their proxy: the same, and Envoy's program. */
  readonly envoyImage?: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly meshId: string;
  readonly network: string;
  readonly logLevel: string;
  readonly resources: Resources;
  readonly statusPort: number;
  readonly readiness: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  };
  readonly startup: { readonly enabled: boolean; readonly failureThreshold: number };
  readonly includeIPRanges: string;
  readonly excludeIPRanges: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly excludeInterfaces: string;
  readonly holdApplicationUntilProxyStarts: boolean;
  readonly privileged: boolean;
  readonly tokenAudience: string;
  /** Who signs workloads' certificates, HOST:PORT; '' or undefined: the control plane. */
  readonly caAddress?: string;
  /** Istio's pilotCertProvider: who made the control plane's own certificate. */
  readonly certProvider?: string;
}

export interface InjectorConfig {
  readonly policy: 'enabled' | 'disabled';
  readonly revision: string;
  /** Namespace of the control plane. */
  readonly namespace: string;
  readonly discoveryAddress: string;
  readonly rewriteAppHTTPProbe: boolean;
  /** Sidecars as restartable init containers; annotations override. */
  readonly nativeSidecars: boolean;
  /** Capture is applied by the CNI plugin: no privileged init container. */
  readonly cni: boolean;
  readonly alwaysInjectSelector: readonly LabelSelector[];
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  /** Patches by name, as YAML. Undefined in settings of an earlier version. */
  readonly templates?: Readonly<Record<string, string>>;
  /** For pods that choose none; undefined is `sidecar` alone. */
  readonly defaultTemplates?: readonly string[];
  readonly proxy: ProxyDefaults;
}

export const DEFAULT_PROXY: Omit<ProxyDefaults, 'image'> = {
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  clusterDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  meshId: 'cluster.local',
  network: '',
  logLevel: 'warning',
  resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
  statusPort: 15020,
  readiness: { initialDelaySeconds: 0, periodSeconds: 15, failureThreshold: 4 },
  startup: { enabled: true, failureThreshold: 600 },
  includeIPRanges: '*',
  excludeIPRanges: '',
  includeInboundPorts: '*',
  excludeInboundPorts: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  excludeInterfaces: '',
  holdApplicationUntilProxyStarts: false,
  privileged: false,
  tokenAudience: 'istio-ca',
  caAddress: '',
  certProvider: 'istiod',
};

export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    const good =
      operator === 'Exists'
        ? value !== undefined
        : operator === 'DoesNotExist'
          ? value === undefined
          : operator === 'In'
            ? value !== undefined && values.includes(value)
            : operator === 'NotIn'
              ? value === undefined || !values.includes(value)
              : false;
    if (!good) return false;
  }
  return true;
}
