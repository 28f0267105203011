// PeerAuthentication (security.istio.io): which mutual TLS a workload asks for (security/v1beta1/peer_authentication.proto).

import { described, dict, message, names, type Spec } from './schema.ts';
import { PolicySelectorSchema } from './shared.ts';

const MutualTlsSchema = message('Mutual TLS.', {
  mode: names(
    'UNSET inherits; PERMISSIVE takes both; STRICT refuses plaintext.',
    ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] as const,
    {
      defaultText: 'inherited (PERMISSIVE)',
    },
  ),
});

export const PeerAuthenticationSchema = message('Says whether workloads take plaintext.', {
  selector: described(
    'The workloads; unset: all of the namespace (of the mesh in the root namespace).',
    PolicySelectorSchema,
  ),
  mtls: MutualTlsSchema,
  portLevelMtls: dict('By the workload’s port; needs a selector.', MutualTlsSchema, { minProperties: 1 }),
});
export type PeerAuthenticationSpec = Spec<typeof PeerAuthenticationSchema>;
