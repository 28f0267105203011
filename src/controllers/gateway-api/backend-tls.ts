// BackendTLSPolicy: which of them is in force for a port of a Service, and why others are not (GEP-1897, GEP-713).
import { parseTrustBundle } from '#identity';
import { GATEWAY_CONTROLLER, type BackendTlsPolicy, type Condition, type GatewayApiInput } from './resources.ts';

/** What a policy is worth, wherever it is used. */
export interface JudgedPolicy {
  readonly policy: BackendTlsPolicy;
  /** In base64 as Secrets have them; `system` for the proxy's own list; undefined where there are none, and nobody is trusted. */
  readonly roots: string | undefined;
  readonly accepted: Verdict;
  readonly resolved: Verdict;
  /** `namespace/service` of each target that it is in force for, and that it is not since an older policy is. */
  readonly won: ReadonlySet<string>;
  readonly lost: ReadonlySet<string>;
}

interface Verdict {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export const SYSTEM_ROOTS = 'system';

export interface BackendTls {
  readonly policies: readonly JudgedPolicy[];
  /** A policy for the port by its name comes before one for the whole Service. */
  of(namespace: string, service: string, port: number): JudgedPolicy | undefined;
}

export function judgeBackendTls(input: GatewayApiInput): BackendTls {
  const inForce = new Map<string, JudgedPolicy>();
  const policies = [...input.backendTlsPolicies].sort(olderFirst).map((policy) => {
    const judged = { policy, ...trust(policy, input), won: new Set<string>(), lost: new Set<string>() };
    const namespace = policy.metadata.namespace ?? '';
    for (const { group, kind, name, sectionName } of policy.spec.targetRefs) {
      if (group !== '' || kind !== 'Service') continue;
      const service = `${namespace}/${name}`;
      const port = sectionName === undefined ? '' : input.namedPort(namespace, name, sectionName);
      if (port === undefined) {
        judged.accepted = no('TargetNotFound', `Service ${service} has no port ${sectionName}`);
        continue;
      }
      const key = `${service}/${port}`;
      const taken = inForce.has(key);
      (taken ? judged.lost : judged.won).add(service);
      if (!taken) inForce.set(key, judged);
    }
    return judged;
  });
  return {
    policies,
    of: (namespace, service, port) =>
      inForce.get(`${namespace}/${service}/${port}`) ?? inForce.get(`${namespace}/${service}/`),
  };
}

/** Its conditions for a gateway that has routes to these Services (`namespace/name`); undefined where it targets none of them. */
export function policyConditions(judged: JudgedPolicy, used: ReadonlySet<string>): readonly Condition[] | undefined {
  const { policy, won, lost, accepted, resolved } = judged;
  const names = policy.spec.targetRefs.map(({ name }) => `${policy.metadata.namespace ?? ''}/${name}`);
  if (!names.some((name) => used.has(name))) return undefined;
  const inForce = [...won].some((name) => used.has(name));
  const conflicted = !inForce && [...lost].some((name) => used.has(name));
  const verdict = conflicted ? no('Conflicted', 'an older BackendTLSPolicy has the same target') : accepted;
  const observedGeneration = policy.metadata.generation ?? 0;
  const condition = (type: string, { status, reason, message }: Verdict): Condition => ({
    type,
    status: status ? 'True' : 'False',
    reason,
    message,
    observedGeneration,
  });
  return [condition('Accepted', verdict), condition('ResolvedRefs', resolved)];
}

export interface AncestorStatus {
  readonly ancestorRef: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly controllerName: typeof GATEWAY_CONTROLLER;
  readonly conditions: readonly Condition[];
}

function trust(
  { metadata, spec }: BackendTlsPolicy,
  input: GatewayApiInput,
): { roots: string | undefined; accepted: Verdict; resolved: Verdict } {
  const resolved = yes('ResolvedRefs');
  const { caCertificateRefs = [], wellKnownCACertificates } = spec.validation;
  const options = Object.keys(spec.options ?? {});
  const accepted = yes('Accepted', options.length === 0 ? '' : `options without effect here: ${options.join(', ')}`);
  if (wellKnownCACertificates !== undefined && caCertificateRefs.length === 0) {
    if (wellKnownCACertificates === 'System') return { roots: SYSTEM_ROOTS, accepted, resolved };
    const message = `validation.wellKnownCACertificates: ${wellKnownCACertificates} is not known, use System`;
    return { roots: undefined, accepted: no('Invalid', message), resolved };
  }
  const texts: string[] = [];
  let problem: Verdict | undefined;
  for (const { group = '', kind = 'ConfigMap', name } of caCertificateRefs) {
    if (group !== '' || kind !== 'ConfigMap') {
      problem ??= no('InvalidKind', `certificates of kind ${group}/${kind} are not taken: use a ConfigMap`);
      continue;
    }
    const text = input.caCertificates(metadata.namespace ?? '', name);
    if (text !== undefined && parseTrustBundle(text).roots.length > 0) texts.push(text.trim());
    else
      problem ??= no('InvalidCACertificateRef', `ConfigMap ${metadata.namespace}/${name} has no certificate in ca.crt`);
  }
  if (texts.length > 0) {
    const roots = Buffer.from(`${texts.join('\n')}\n`).toString('base64');
    return { roots, accepted, resolved: problem ?? resolved };
  }
  const message = 'no certificate of validation.caCertificateRefs can be used: requests to the target fail';
  return { roots: undefined, accepted: no('NoValidCACertificate', message), resolved: problem ?? resolved };
}

function olderFirst(a: BackendTlsPolicy, b: BackendTlsPolicy): number {
  const age = ({ metadata }: BackendTlsPolicy): number => Date.parse(metadata.creationTimestamp ?? '') || 0;
  const name = ({ metadata }: BackendTlsPolicy): string => `${metadata.namespace}/${metadata.name}`;
  return age(a) - age(b) || (name(a) < name(b) ? -1 : 1);
}

function yes(reason: string, message = ''): Verdict {
  return { status: true, reason, message };
}

function no(reason: string, message: string): Verdict {
  return { status: false, reason, message };
}
