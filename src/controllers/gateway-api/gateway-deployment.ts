// The ServiceAccount, Deployment and Service of a Gateway: an injected gateway pod, with the Gateway as their owner (inventory §2).
import type { KubeObject, KubeOwner } from '#kube';
import { GATEWAY_GROUP, GATEWAY_NAME_LABEL, type KubernetesGateway } from './resources.ts';

/** As Istio names them. */
export function deploymentName(gateway: KubernetesGateway): string {
  return `${gateway.metadata.name}-${gateway.spec.gatewayClassName}`;
}

export function deploymentObjects(
  gateway: KubernetesGateway,
  revision: string,
): { readonly account: KubeObject; readonly deployment: KubeObject; readonly service: KubeObject } {
  const { name, namespace = '', uid = '' } = gateway.metadata;
  const resource = deploymentName(gateway);
  const { infrastructure } = gateway.spec;
  const owner: KubeOwner = { apiVersion: `${GATEWAY_GROUP}/v1`, kind: 'Gateway', name, uid, controller: true };
  const selector = { [GATEWAY_NAME_LABEL]: name };
  const labels = {
    ...infrastructure?.labels,
    ...selector,
    'gateway.networking.k8s.io/gateway-class-name': gateway.spec.gatewayClassName,
    'gateway.istio.io/managed': 'istio.io-gateway-controller',
    'app.kubernetes.io/managed-by': 'topsail',
  };
  const annotations = { ...infrastructure?.annotations };
  const metadata = { name: resource, namespace, labels, annotations, ownerReferences: [owner] };
  const ports = [...new Map(gateway.spec.listeners.map(({ port, protocol }) => [port, protocol])).entries()];
  const type = gateway.metadata.annotations?.['networking.istio.io/service-type'] ?? 'LoadBalancer';
  return {
    account: { metadata },
    deployment: {
      metadata,
      spec: {
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: {
              ...labels,
              'sidecar.istio.io/inject': 'true',
              'istio.io/rev': revision,
              'service.istio.io/canonical-name': resource,
              'service.istio.io/canonical-revision': 'latest',
            },
            annotations: {
              ...annotations,
              'inject.istio.io/templates': 'gateway',
              'prometheus.io/path': '/stats/prometheus',
              'prometheus.io/port': '15020',
              'prometheus.io/scrape': 'true',
            },
          },
          spec: {
            serviceAccountName: resource,
            // Listeners may be on 80 and 443; the pod is nobody special.
            securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
            containers: [
              {
                name: 'istio-proxy',
                image: 'auto',
                ports: [{ name: 'metrics', containerPort: 15020, protocol: 'TCP' }],
              },
            ],
          },
        },
      },
    },
    service: {
      metadata,
      spec: {
        type,
        selector,
        ports: [
          { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP', appProtocol: 'tcp' },
          ...ports.map(([port, protocol]) => ({
            name: `${protocol.toLowerCase()}-${port}`,
            port,
            targetPort: port,
            protocol: 'TCP',
            appProtocol: protocol.toLowerCase(),
          })),
        ],
      },
    },
  };
}
