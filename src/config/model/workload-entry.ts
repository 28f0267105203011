// WorkloadEntry (networking.istio.io): one workload outside Kubernetes pods (networking/v1alpha3/workload_entry.proto).

import { count, dict, message, port, type Spec, text, textDict } from './schema.ts';

export const WorkloadEntrySchema = message(
  'An address where a service runs: a virtual machine, a process, another network.',
  {
    address: text('IP, DNS name (with DNS resolution) or `unix://` path.', {
      maxLength: 256,
      defaultText: 'required unless network is set',
    }),
    ports: dict('Number by the service port’s name.', port('Number.'), { maxProperties: 128 }),
    labels: textDict('Labels, as a pod’s.', { maxProperties: 256 }),
    network: text('Network that the address is in.', { maxLength: 2048 }),
    locality: text('`region/zone/subzone`.', { maxLength: 2048 }),
    weight: count('Share of traffic among the service’s endpoints.', { defaultText: '1' }),
    serviceAccount: text('Service account of its identity.', { maxLength: 253 }),
  },
);
export type WorkloadEntrySpec = Spec<typeof WorkloadEntrySchema>;
