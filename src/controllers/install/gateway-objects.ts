// Ingress and egress gateways: service account, Deployment and Service of each.
import type { KubeObject } from '#kube';
import { proxyContainer, proxyVolumes } from '../inject/proxy-container.ts';
import { type Naming, labelled } from './naming.ts';
import type { GatewaySettings, InstallSettings } from './settings.ts';
import type { Tree } from './set-flag.ts';

export function gatewayObjects(
  settings: InstallSettings,
  naming: Naming,
  gateway: GatewaySettings,
): readonly KubeObject[] {
  const { name, namespace, labels, ports, serviceType, serviceAccount: account } = gateway;
  const component = gateway.role === 'ingress' ? 'IngressGateways' : 'EgressGateways';
  const meta = labelled(naming, component, labels);
  const container = {
    ...proxyContainer(settings.injector, {
      role: 'router',
      resources: { limits: { cpu: '2000m', memory: '1024Mi' }, ...gateway.resources },
      workloadName: name,
      owner: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
      appContainers: [],
      podPorts: JSON.stringify(
        ports.map(({ name: portName, targetPort }) => ({ name: portName, containerPort: targetPort })),
      ),
      interceptionMode: 'REDIRECT',
      logLevel: settings.injector.proxy.logLevel,
      proxyConfig: (settings.meshConfig['defaultConfig'] as Tree | undefined) ?? {},
      statusPort: settings.injector.proxy.statusPort,
      readiness: { initialDelaySeconds: 1, periodSeconds: 2, failureThreshold: 30 },
      appMetrics: '',
      appProbers: '',
      dataPlane: 'topsail',
      image: settings.image,
      discoveryAddress: settings.injector.discoveryAddress,
      trustDomain:
        typeof settings.meshConfig['trustDomain'] === 'string' ? settings.meshConfig['trustDomain'] : 'cluster.local',
    }),
  };
  container.env = [
    ...(container.env ?? []),
    ...Object.entries(gateway.env).map(([key, value]) => ({ name: key, value })),
  ];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(account, namespace) },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: meta(name, namespace),
      spec: {
        replicas: gateway.replicas,
        selector: { matchLabels: labels },
        strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
        template: {
          metadata: {
            labels: {
              ...labels,
              'istio.io/rev': naming.revision,
              'sidecar.istio.io/inject': 'false',
              'istio.io/dataplane-mode': 'none',
              'service.istio.io/canonical-name': name,
              'service.istio.io/canonical-revision': 'latest',
            },
            annotations: {
              'istio.io/rev': naming.revision,
              'prometheus.io/path': '/stats/prometheus',
              'prometheus.io/port': '15020',
              'prometheus.io/scrape': 'true',
              ...gateway.annotations,
            },
          },
          spec: {
            serviceAccountName: account,
            securityContext: {
              runAsUser: 1337,
              runAsGroup: 1337,
              runAsNonRoot: true,
              fsGroup: 1337,
              sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
            },
            containers: [container],
            volumes: proxyVolumes(settings.injector),
            ...(Object.keys(gateway.nodeSelector).length === 0 ? {} : { nodeSelector: gateway.nodeSelector }),
            ...(gateway.tolerations.length === 0 ? {} : { tolerations: gateway.tolerations }),
            ...(settings.imagePullSecrets.length === 0
              ? {}
              : { imagePullSecrets: settings.imagePullSecrets.map((one) => ({ name: one })) }),
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(name, namespace),
      spec: { type: serviceType, selector: labels, ports: ports.map((one) => ({ ...one, protocol: 'TCP' })) },
    },
  ];
}
