// May STRICT be switched on? Per workload: who still talks to it in plaintext, and who could not do otherwise.
import type { ObjectJson, StatusJson } from '../../src/api/api-json.ts';
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import { knownWorkloads } from './golden-rows.ts';

export interface Readiness {
  readonly workload: string;
  readonly namespace: string;
  readonly service: string;
  readonly mode: string;
  /** Callers seen without mTLS. */
  readonly plaintext: readonly TrafficEdgeJson[];
  readonly callers: number;
  readonly verdict: 'strict' | 'ready' | 'blocked' | 'no traffic';
}

interface PeerAuthenticationSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly mtls?: { readonly mode?: string };
}

const ROOT_NAMESPACE = 'istio-system';

export function strictReadiness(
  status: StatusJson,
  edges: readonly TrafficEdgeJson[],
  objects: readonly ObjectJson[],
): readonly Readiness[] {
  return knownWorkloads(status)
    .filter((one) => !one.gateway)
    .map((one): Readiness => {
      const labels = status.workloads.find((w) => w.name === one.name && w.namespace === one.namespace)?.labels ?? {};
      const into = edges.filter((edge) => edge.destination === one.name && edge.destinationNamespace === one.namespace);
      const plaintext = into.filter((edge) => edge.mtls < 1);
      const mode = modeFor(objects, one.namespace, labels);
      const verdict =
        mode === 'STRICT' ? 'strict' : plaintext.length > 0 ? 'blocked' : into.length === 0 ? 'no traffic' : 'ready';
      return {
        workload: one.name,
        namespace: one.namespace,
        service: one.service,
        mode,
        plaintext,
        callers: into.length,
        verdict,
      };
    })
    .sort((a, b) => rank(a) - rank(b) || (`${a.namespace}/${a.workload}` < `${b.namespace}/${b.workload}` ? -1 : 1));
}

/** What needs somebody's work comes first, what is done last. */
function rank({ verdict }: Readiness): number {
  return ['blocked', 'ready', 'no traffic', 'strict'].indexOf(verdict);
}

/** The narrowest PeerAuthentication: of the workload, of its namespace, of the mesh. */
export function modeFor(
  objects: readonly ObjectJson[],
  namespace: string,
  labels: Readonly<Record<string, string>>,
): string {
  const own = objects.filter((one) => one.kind === 'PeerAuthentication' && one.state !== 'refused');
  const spec = (one: ObjectJson): PeerAuthenticationSpec => (one.spec ?? {}) as PeerAuthenticationSpec;
  const selects = (one: ObjectJson): boolean =>
    Object.entries(spec(one).selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  const selecting = own.find((one) => one.namespace === namespace && spec(one).selector !== undefined && selects(one));
  const whole = (space: string): ObjectJson | undefined =>
    own.find((one) => one.namespace === space && spec(one).selector === undefined);
  for (const one of [selecting, whole(namespace), whole(ROOT_NAMESPACE)]) {
    const mode = one === undefined ? undefined : spec(one).mtls?.mode;
    if (mode !== undefined && mode !== 'UNSET') return mode;
  }
  return 'PERMISSIVE';
}
