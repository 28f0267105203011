// WorkloadGroup (networking.istio.io): what workloads that join have in common (networking/v1alpha3/workload_group.proto).

import { described, integer, list, message, port, type Spec, text, textDict, textList } from './schema.ts';
import { WorkloadEntrySchema } from './workload-entry.ts';

const HttpProbeSchema = message(
  'Asks over HTTP.',
  {
    path: text('Path.', { default: '/' }),
    port: port('Port.'),
    host: text('Host to connect to.', { defaultText: 'the workload' }),
    scheme: text('HTTP or HTTPS.', { default: 'HTTP' }),
    httpHeaders: list(
      'Headers to send.',
      message('One header.', { name: text('Name.', { minLength: 1 }), value: text('Value.') }),
    ),
  },
  { required: ['port'] },
);

const seconds = (description: string, fallback: number) =>
  integer(description, { default: fallback, minimum: 0, maximum: 2_147_483_647 });

export const ReadinessProbeSchema = message(
  'Finds out whether the workload takes traffic.',
  {
    initialDelaySeconds: seconds('Pause before the first probe.', 0),
    timeoutSeconds: seconds('Limit of a probe.', 1),
    periodSeconds: seconds('Time between probes.', 10),
    successThreshold: seconds('Successes in a row until ready.', 1),
    failureThreshold: seconds('Failures in a row until not ready.', 3),
    httpGet: HttpProbeSchema,
    tcpSocket: message(
      'Connects.',
      { host: text('Host.', { default: 'localhost' }), port: port('Port.') },
      { required: ['port'] },
    ),
    exec: message(
      'Runs a command.',
      { command: textList('Program and arguments.', { minItems: 1 }) },
      { required: ['command'] },
    ),
    grpc: message(
      'Asks gRPC’s health service.',
      { port: port('Port.'), service: text('Service asked for.') },
      { required: ['port'] },
    ),
  },
  { choices: [{ fields: ['httpGet', 'tcpSocket', 'exec', 'grpc'], required: true }] },
);
export type ReadinessProbe = Spec<typeof ReadinessProbeSchema>;

export const WorkloadGroupSchema = message(
  'Template of the WorkloadEntries that joining workloads get.',
  {
    metadata: message('Given to each WorkloadEntry.', {
      labels: textDict('Labels.', { maxProperties: 256 }),
      annotations: textDict('Annotations.', { maxProperties: 256 }),
    }),
    template: described('What is equal for all workloads.', WorkloadEntrySchema),
    probe: ReadinessProbeSchema,
  },
  { required: ['template'] },
);
export type WorkloadGroupSpec = Spec<typeof WorkloadGroupSchema>;
