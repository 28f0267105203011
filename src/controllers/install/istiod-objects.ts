// The control plane itself: its settings, Deployment and Service.
import type { KubeObject } from '#kube';
import { PROXY_UID, TOKEN_FOLDER, tokenVolume } from '../inject/proxy-container.ts';
import { type Naming, labelled } from './naming.ts';
import type { InstallSettings } from './settings.ts';
import { overlay, type Tree } from './set-flag.ts';

const HOME = '/var/lib/topsail';

const PORTS = [
  { name: 'https-dns', port: 15012, targetPort: 15012 },
  { name: 'https-webhook', port: 443, targetPort: 15017 },
  { name: 'http-monitoring', port: 15014, targetPort: 15014 },
];

export function istiodObjects(
  settings: InstallSettings,
  naming: Naming,
  yaml: (value: unknown) => string,
): readonly KubeObject[] {
  const { pilot } = settings;
  if (pilot === undefined) return [];
  const { namespace, suffix, revision } = naming;
  const meta = labelled(naming, 'Pilot', { app: 'istiod', istio: 'pilot' });
  const name = `istiod${suffix}`;
  const select = { app: 'istiod', [`istio.io/rev`]: revision };
  const objects: KubeObject[] = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta(`istio${suffix}`, namespace),
      data: {
        mesh: yaml(meshConfig(settings)),
        meshNetworks: yaml({ networks: settings.meshNetworks['networks'] ?? settings.meshNetworks }),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta(`istio-sidecar-injector${suffix}`, namespace),
      data: {
        config: JSON.stringify(settings.injector, undefined, 2),
        values: JSON.stringify(settings.values, undefined, 2),
      },
    },
    deployment(settings, naming, select),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(name, namespace),
      spec: { selector: select, ports: PORTS.map((one) => ({ ...one, protocol: 'TCP' })) },
    },
  ];
  if (pilot.autoscale !== undefined) {
    objects.push(
      {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: meta(name, namespace),
        spec: {
          minReplicas: pilot.autoscale.min,
          maxReplicas: pilot.autoscale.max,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
          ],
        },
      },
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: meta(name, namespace),
        spec: { minAvailable: 1, selector: { matchLabels: select } },
      },
    );
  }
  return objects;
}

export function meshConfig(settings: InstallSettings): Tree {
  const base: Tree = {
    defaultConfig: { discoveryAddress: settings.injector.discoveryAddress },
    rootNamespace: settings.namespace,
    trustDomain: 'cluster.local',
    enablePrometheusMerge: true,
  };
  return overlay(base, settings.meshConfig);
}

function deployment(settings: InstallSettings, naming: Naming, select: Readonly<Record<string, string>>): KubeObject {
  const { namespace, suffix, revision } = naming;
  const pilot = settings.pilot as NonNullable<InstallSettings['pilot']>;
  const field = (name: string, fieldPath: string): unknown => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const container = {
    name: 'discovery',
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: [
      ...['discovery', '--kubernetes', '--log-level', pilot.logLevel],
      ...['--untaint-nodes', pilot.taint.enabled, '--cni-namespace', pilot.taint.namespace],
    ],
    ports: [
      ['http-ready', 8080],
      ['grpc-xds', 15012],
      ['http-monitoring', 15014],
      ['https-webhooks', 15017],
    ].map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    readinessProbe: {
      httpGet: { path: '/ready', port: 8080 },
      initialDelaySeconds: 1,
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    env: [
      { name: 'REVISION', value: revision },
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('POD_IP', 'status.podIP'),
      field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      { name: 'CLUSTER_ID', value: settings.injector.proxy.clusterId },
      { name: 'TOPSAIL_HOME', value: HOME },
      ...Object.entries(pilot.env).map(([name, value]) => ({ name, value })),
    ],
    resources: pilot.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: PROXY_UID,
      runAsGroup: PROXY_UID,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'home', mountPath: HOME },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'istio-token', mountPath: TOKEN_FOLDER, readOnly: true },
      { name: 'istio-csr-dns-cert', mountPath: '/var/run/secrets/istiod/tls', readOnly: true },
      { name: 'istio-csr-ca-configmap', mountPath: '/var/run/secrets/istiod/ca', readOnly: true },
    ],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: labelled(naming, 'Pilot', { app: 'istiod', istio: 'pilot' })(`istiod${suffix}`, namespace),
    spec: {
      // With an autoscaler the number is its own.
      ...(pilot.autoscale === undefined ? { replicas: pilot.replicas } : {}),
      selector: { matchLabels: select },
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      template: {
        metadata: {
          labels: { ...select, istio: 'istiod', 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' },
          annotations: { 'prometheus.io/port': '15014', 'prometheus.io/scrape': 'true', ...pilot.annotations },
        },
        spec: {
          serviceAccountName: `istiod${suffix}`,
          securityContext: { fsGroup: PROXY_UID },
          containers: [container],
          volumes: [
            { name: 'home', emptyDir: { medium: 'Memory' } },
            { name: 'tmp', emptyDir: {} },
            tokenVolume(settings.injector),
            // Only read where another authority signs (ENABLE_CA_SERVER=false).
            { name: 'istio-csr-dns-cert', secret: { secretName: 'istiod-tls', optional: true } },
            { name: 'istio-csr-ca-configmap', configMap: { name: 'istio-ca-root-cert', optional: true } },
          ],
          ...(Object.keys(pilot.nodeSelector).length === 0 ? {} : { nodeSelector: pilot.nodeSelector }),
          tolerations: [{ key: 'cni.istio.io/not-ready', operator: 'Exists' }, ...pilot.tolerations],
          ...(settings.imagePullSecrets.length === 0
            ? {}
            : { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }),
        },
      },
    },
  };
}
