// The injection webhook as data: an AdmissionReview (admission.k8s.io/v1) in, one out. Failures refuse with field and remedy.
import type { Pod } from '../kube/pod.ts';
import { decideInjection } from './decide.ts';
import { injectPod, isInjected } from './inject-pod.ts';
import type { InjectorConfig } from './injector-config.ts';
import { jsonPatch } from './json-patch.ts';

export interface InjectionContext {
  readonly config: InjectorConfig;
  readonly mesh: Readonly<Record<string, unknown>>;
}

export interface AdmissionReviewAnswer {
  readonly apiVersion: 'admission.k8s.io/v1';
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: 'JSONPatch';
    /** Base64. */
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  };
}

interface Request {
  readonly uid?: unknown;
  readonly namespace?: unknown;
  readonly kind?: { readonly kind?: unknown };
  readonly object?: unknown;
}

export function reviewInjection(review: unknown, { config, mesh }: InjectionContext): AdmissionReviewAnswer {
  const request = ((review as { request?: Request } | null)?.request ?? {}) as Request;
  const uid = typeof request.uid === 'string' ? request.uid : '';
  const answer = (response: Omit<AdmissionReviewAnswer['response'], 'uid'>): AdmissionReviewAnswer => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...response },
  });
  const refuse = (message: string): AdmissionReviewAnswer =>
    answer({ allowed: false, status: { code: 400, reason: 'Invalid', message } });
  const pod = request.object;
  if (!isPod(pod)) return refuse('the request holds no Pod');
  const namespace =
    typeof request.namespace === 'string' && request.namespace !== ''
      ? request.namespace
      : (pod.metadata.namespace ?? 'default');
  if (!decideInjection(pod, namespace, config).inject || isInjected(pod)) return answer({ allowed: true });
  const injected = injectPod({ pod, namespace, config, mesh });
  if (!injected.ok) return refuse(injected.refusals.map(({ field, message }) => `${field}: ${message}`).join('; '));
  const patch = jsonPatch(pod, injected.pod);
  const { warnings } = injected;
  return answer({
    allowed: true,
    ...(warnings.length === 0 ? {} : { warnings }),
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
  });
}

function isPod(value: unknown): value is Pod {
  const pod = value as Partial<Pod> | null | undefined;
  return (
    typeof pod === 'object' &&
    pod !== null &&
    typeof pod.metadata === 'object' &&
    pod.metadata !== null &&
    Array.isArray(pod.spec?.containers)
  );
}
