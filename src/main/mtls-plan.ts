// Who still speaks plaintext to whom, and whether STRICT would refuse anybody that spoke lately.
import type { EdgeJson, MtlsPlanJson } from '#api';
import type { PeerAuthenticationIndex } from '#registry';

/** The graph's window. */
const WINDOW_SECONDS = 60;

export interface MtlsPlanInput {
  readonly edges: readonly EdgeJson[];
  readonly workloads: readonly { readonly namespace: string; readonly name: string }[];
  readonly modes: Pick<PeerAuthenticationIndex, 'modeOfNamespace'>;
}

/** A namespace is judged by the traffic of its window: one in which nobody spoke proves nothing. */
export function mtlsPlan({ edges, workloads, modes }: MtlsPlanInput): MtlsPlanJson {
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))].sort();
  return {
    windowSeconds: WINDOW_SECONDS,
    namespaces: namespaces.map((namespace) => {
      const towards = edges.filter((edge) => edge.destinationNamespace === namespace && edge.requestsPerSecond > 0);
      const plaintext = towards
        .filter((edge) => edge.mtls < 1)
        .map((edge) => ({
          source:
            edge.source === '' || edge.source === 'unknown'
              ? 'unknown (outside the mesh)'
              : `${edge.source}.${edge.sourceNamespace}`,
          destination: `${edge.destination}.${edge.destinationNamespace}`,
          service: edge.service,
          requests: Math.max(1, Math.round(edge.requestsPerSecond * WINDOW_SECONDS * (1 - edge.mtls))),
          share: 1 - edge.mtls,
        }))
        .sort((a, b) => b.requests - a.requests);
      return {
        namespace,
        mode: modes.modeOfNamespace(namespace),
        workloads: workloads.filter((one) => one.namespace === namespace).length,
        edges: towards.length,
        strictIsSafe: towards.length > 0 && plaintext.length === 0,
        plaintext,
      };
    }),
  };
}
