// The core kinds of Kubernetes that a mesh reads: Service, Endpoints, EndpointSlice, Namespace, Secret, ConfigMap. Only fields that mean something here are named; others pass unread, as Kubernetes has them.

import { Type } from 'typebox';
import {
  anyObject,
  bytes,
  dict,
  flag,
  integer,
  intOrText,
  list,
  message,
  port,
  type Spec,
  text,
  textDict,
  textList,
  words,
} from './schema.ts';

const ServicePortSchema = message(
  'A port of the service.',
  {
    name: text('Its name; its beginning may name the protocol (`http-web`).'),
    protocol: words('Transport.', ['TCP', 'UDP', 'SCTP'] as const, { default: 'TCP' }),
    appProtocol: text('Application protocol; goes before the name.'),
    port: port('The port.'),
    targetPort: intOrText('Number or name of the workload’s port.', { defaultText: 'port' }),
    nodePort: integer('Port on every node.', { minimum: 0, maximum: 65_535 }),
  },
  { required: ['port'] },
);
export type ServicePort = Spec<typeof ServicePortSchema>;

export const ServiceSchema = message('A named service of workloads chosen by labels.', {
  ports: list('Ports.', ServicePortSchema),
  selector: textDict('Labels of its workloads.'),
  clusterIP: text('Virtual IP; None: headless.'),
  clusterIPs: textList('Virtual IPs.'),
  type: words('How it is reached.', ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const, {
    default: 'ClusterIP',
  }),
  externalName: text('For ExternalName: the DNS name.'),
  externalIPs: textList('Further addresses.'),
  loadBalancerIP: text('Address asked for.'),
  externalTrafficPolicy: text('Cluster or Local.'),
  internalTrafficPolicy: text('Cluster or Local.'),
  trafficDistribution: text('PreferClose, PreferSameZone or PreferSameNode.'),
  publishNotReadyAddresses: flag('Endpoints count before they are ready.', { default: false }),
  sessionAffinity: text('None or ClientIP.'),
  sessionAffinityConfig: anyObject('Time of session affinity.'),
  allocateLoadBalancerNodePorts: flag('Node ports for load balancers.'),
  healthCheckNodePort: integer('Port of health checks.'),
  loadBalancerClass: text('Class of load balancer.'),
  loadBalancerSourceRanges: textList('Addresses that may connect.'),
  ipFamilies: textList('IPv4, IPv6.'),
  ipFamilyPolicy: text('SingleStack, PreferDualStack or RequireDualStack.'),
});
export type ServiceSpec = Spec<typeof ServiceSchema>;

const ObjectReferenceSchema = message('The object behind an endpoint.', {
  kind: text('Kind.'),
  namespace: text('Namespace.'),
  name: text('Name.'),
  uid: text('Uid.'),
});

const EndpointSchema = message(
  'One endpoint.',
  {
    addresses: textList('Its addresses.'),
    conditions: message('State.', {
      ready: flag('Takes traffic.'),
      serving: flag('Answers.'),
      terminating: flag('Is going away.'),
    }),
    hostname: text('Name within a headless service.'),
    targetRef: ObjectReferenceSchema,
    nodeName: text('Node.'),
    zone: text('Zone.'),
    deprecatedTopology: textDict('Topology labels.'),
    hints: anyObject('Topology hints.'),
  },
  { required: ['addresses'] },
);
export type Endpoint = Spec<typeof EndpointSchema>;

/** EndpointSlice has no `spec`: its fields stand at the top of the manifest and become the object's spec. */
export const EndpointSliceSchema = message(
  'A part of a service’s endpoints; label kubernetes.io/service-name names the service.',
  {
    addressType: words('Kind of address.', ['IPv4', 'IPv6', 'FQDN'] as const),
    endpoints: list('Endpoints.', EndpointSchema),
    ports: list(
      'Ports that every endpoint has.',
      message('One port.', {
        name: text('Name of the service’s port.'),
        protocol: text('Transport.'),
        port: integer('Number.'),
        appProtocol: text('Application protocol.'),
      }),
    ),
  },
  { required: ['addressType'] },
);
export type EndpointSliceSpec = Spec<typeof EndpointSliceSchema>;

const EndpointAddressSchema = message(
  'One address.',
  { ip: text('IP.'), hostname: text('Name.'), nodeName: text('Node.'), targetRef: ObjectReferenceSchema },
  { required: ['ip'] },
);
export const EndpointsSchema = message('A service’s endpoints, in the old form; the service has the same name.', {
  subsets: list(
    'Groups with the same ports.',
    message('One group.', {
      addresses: list('Ready.', EndpointAddressSchema),
      notReadyAddresses: list('Not ready.', EndpointAddressSchema),
      ports: list(
        'Ports.',
        message(
          'One port.',
          {
            name: text('Name.'),
            port: integer('Number.'),
            protocol: text('Transport.'),
            appProtocol: text('Application protocol.'),
          },
          { required: ['port'] },
        ),
      ),
    }),
  ),
});
export type EndpointsSpec = Spec<typeof EndpointsSchema>;

export const NamespaceSchema = message('A namespace; only its labels and annotations mean something to the mesh.', {
  finalizers: textList('Finalizers.'),
});
export type NamespaceSpec = Spec<typeof NamespaceSchema>;

/** As in Kubernetes `stringData` is text and wins over `data`; reading merges both into `data`. */
export const SecretSchema = message('Certificates and keys.', {
  type: text('Its type.', { default: 'Opaque' }),
  data: dict('Values, base64.', bytes('Value.')),
  stringData: textDict('Values as text.'),
  immutable: flag('Never changes.'),
});
export type SecretSpec = Spec<typeof SecretSchema>;

export const ConfigMapSchema = message('Text by key; `istio` in the root namespace carries the mesh’s configuration.', {
  data: textDict('Values.'),
  binaryData: dict('Values, base64.', bytes('Value.')),
  immutable: flag('Never changes.'),
});
export type ConfigMapSpec = Spec<typeof ConfigMapSchema>;

export const ServiceAccountSchema = message('An identity that workloads run under.', {
  secrets: Type.Array(anyObject('Reference.'), { description: 'Secrets.' }),
  imagePullSecrets: Type.Array(anyObject('Reference.'), { description: 'Pull secrets.' }),
  automountServiceAccountToken: flag('Mount a token.'),
});
export type ServiceAccountSpec = Spec<typeof ServiceAccountSchema>;
