// ServiceEntry (networking.istio.io): a service that Kubernetes does not know (networking/v1alpha3/service_entry.proto).

import { described, list, message, names, port, type Spec, text, textList } from './schema.ts';
import { exportToSchema, WorkloadSelectorSchema } from './shared.ts';
import { WorkloadEntrySchema } from './workload-entry.ts';

const ServicePortSchema = message(
  'A port of the service.',
  {
    number: port('The port.'),
    protocol: text('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP or TLS.', {
      maxLength: 256,
      defaultText: 'found out from the traffic',
    }),
    name: text('Its name.', { minLength: 1, maxLength: 256 }),
    targetPort: port('Port of the endpoints.', { defaultText: 'number' }),
  },
  { required: ['number', 'name'] },
);
export type ServiceEntryPort = Spec<typeof ServicePortSchema>;

export const ServiceEntrySchema = message(
  'Adds a service to the registry: an external API, virtual machines, a database.',
  {
    hosts: textList('DNS names; left-most wildcard allowed.', { minItems: 1, maxItems: 256 }),
    addresses: textList('Virtual IPs (or CIDR for NONE and STATIC).', { maxItems: 256, defaultText: 'allocated' }),
    ports: list('Ports.', ServicePortSchema, { maxItems: 256 }),
    location: names('Inside or outside the mesh.', ['MESH_EXTERNAL', 'MESH_INTERNAL'] as const, {
      default: 'MESH_EXTERNAL',
    }),
    resolution: names(
      'How addresses are found.',
      ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'] as const,
      { default: 'NONE' },
    ),
    endpoints: list('Its workloads.', WorkloadEntrySchema, { maxItems: 4096 }),
    workloadSelector: described(
      'Pods and WorkloadEntries with these labels are its endpoints.',
      WorkloadSelectorSchema,
    ),
    exportTo: exportToSchema('Service'),
    subjectAltNames: textList('Names, one of which the server’s certificate must have.'),
  },
  { required: ['hosts'], choices: [{ fields: ['workloadSelector', 'endpoints'] }] },
);
export type ServiceEntrySpec = Spec<typeof ServiceEntrySchema>;
