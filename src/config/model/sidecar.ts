// Sidecar (networking.istio.io): what a workload's proxy listens on and which services it knows (networking/v1alpha3/sidecar.proto).

import { ConnectionPoolSchema } from './destination-rule.ts';
import { DestinationSchema } from './virtual-service.ts';
import { ServerTlsSchema } from './gateway.ts';
import { count, described, list, message, names, type Spec, text, textList } from './schema.ts';
import { WorkloadSelectorSchema } from './shared.ts';

const SidecarPortSchema = message('A port.', {
  number: count('The port.', { maximum: 65_535 }),
  protocol: text('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP or TLS.'),
  name: text('Its name.'),
  targetPort: count('Never in force.', { deprecated: 'leave it out' }),
});

const captureMode = names('How traffic gets to the listener.', ['DEFAULT', 'IPTABLES', 'NONE'] as const, {
  default: 'DEFAULT',
});

const IngressSchema = message(
  'A listener for traffic to the workload.',
  {
    port: SidecarPortSchema,
    bind: text('Address to listen on.', { defaultText: 'the workload’s' }),
    captureMode,
    defaultEndpoint: text(
      'Where the workload listens: `127.0.0.1:PORT`, `[::1]:PORT`, `0.0.0.0:PORT`, `[::]:PORT` or `unix:///PATH`.',
    ),
    tls: described(
      'TLS that ends at the sidecar: SIMPLE or MUTUAL, where the mode of mutual TLS is DISABLE at this port. With another mode only mutual TLS of the mesh is taken.',
      ServerTlsSchema,
    ),
    connectionPool: ConnectionPoolSchema,
  },
  { required: ['port'] },
);
export type SidecarIngress = Spec<typeof IngressSchema>;

const EgressSchema = message(
  'A listener for traffic from the workload.',
  {
    port: described('Only this port; unset: all others.', SidecarPortSchema),
    bind: text('Address or Unix socket to listen on.'),
    captureMode,
    hosts: textList('Services that are known: `namespace/host`, namespace `*`, `.` or `~`.', { minItems: 1 }),
  },
  { required: ['hosts'] },
);
export type SidecarEgress = Spec<typeof EgressSchema>;

export const SidecarSchema = message('Limits what the proxies of some workloads accept and know.', {
  workloadSelector: described('The workloads; unset: all of the namespace.', WorkloadSelectorSchema),
  ingress: list('Listeners for traffic to the workload.', IngressSchema, { defaultText: 'from the services' }),
  egress: list('Listeners for traffic from the workload.', EgressSchema, { defaultText: '*/*' }),
  inboundConnectionPool: described(
    'Limits of connections to the workload; each ingress may override them.',
    ConnectionPoolSchema,
  ),
  outboundTrafficPolicy: message('What becomes of traffic to unknown destinations.', {
    mode: names('Refuse it, or let it pass.', ['REGISTRY_ONLY', 'ALLOW_ANY'] as const, {
      defaultText: 'mesh setting (ALLOW_ANY)',
    }),
    egressProxy: described('Where it is sent.', DestinationSchema),
  }),
});
export type SidecarSpec = Spec<typeof SidecarSchema>;
