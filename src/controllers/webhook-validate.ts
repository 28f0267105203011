// Answers an AdmissionReview about the mesh's kinds with the same judgement as control plane, command line and editor.

import { type Complaint, KIND_NAMES, type KindInfo, KINDS, parseManifest } from '#config';

interface AdmissionRequest {
  readonly uid?: unknown;
  readonly operation?: unknown;
  readonly object?: unknown;
  readonly namespace?: unknown;
}

export interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
  };
}

/** The API server shows 256 characters of a warning and 4096 of all. */
const WARNING_CHARACTERS = 250;
const WARNINGS_MAX = 12;

/** Undefined when the body is no AdmissionReview of version 1. */
export function reviewValidation(body: unknown): AdmissionReview | undefined {
  const review = body as { apiVersion?: unknown; kind?: unknown; request?: AdmissionRequest } | null;
  if (review?.kind !== 'AdmissionReview' || review.apiVersion !== 'admission.k8s.io/v1') return undefined;
  const { request } = review;
  if (typeof request?.uid !== 'string') return undefined;
  const { uid } = request;
  const answer = (response: Omit<AdmissionReview['response'], 'uid'>): AdmissionReview => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...response },
  });
  // A bad object must be deletable, and a kind that we do not know is not ours to judge.
  if (request.operation === 'DELETE' || !isMeshKind(request.object)) return answer({ allowed: true });
  const namespace = typeof request.namespace === 'string' && request.namespace !== '' ? request.namespace : 'default';
  const { object, complaints } = parseManifest(request.object, { defaultNamespace: namespace });
  const warnings = complaints
    .filter((one) => one.severity !== 'error')
    .map(line)
    .slice(0, WARNINGS_MAX)
    .map((text) => text.slice(0, WARNING_CHARACTERS));
  if (object !== undefined) return answer({ allowed: true, ...(warnings.length === 0 ? {} : { warnings }) });
  const message = complaints
    .filter((one) => one.severity === 'error')
    .map(line)
    .join('; ');
  return answer({
    allowed: false,
    status: { code: 400, reason: 'Invalid', message },
    ...(warnings.length === 0 ? {} : { warnings }),
  });
}

function isMeshKind(object: unknown): boolean {
  const { apiVersion, kind } = (object ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return false;
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
  return KIND_NAMES.some((name) => {
    const info: KindInfo = KINDS[name];
    return info.origin === 'crd' && info.group === group && info.manifest === kind;
  });
}

function line({ code, path, message, remedy }: Complaint): string {
  return [path === '' ? '' : `${path}: `, message, remedy === '' ? '' : ` ${remedy}`, ` (${code})`].join('');
}
