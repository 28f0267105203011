// Every way in which a call to the API server fails: code, message, remedy.

const TABLE = {
  kube_unreachable: ['the API server did not answer', 'check the address and the network; the call is tried again'],
  kube_unauthorized: ['the API server does not know who calls', 'check the token or client certificate'],
  kube_forbidden: [
    'the API server refuses this to our service account',
    'grant it in the ClusterRole of the control plane',
  ],
  kube_not_found: ['there is no such object or kind', 'create it, or install its CustomResourceDefinition'],
  kube_conflict: ['the object changed meanwhile, or another manager owns the field', 'read it again and repeat'],
  kube_exists: ['the object exists already', 'read it instead'],
  kube_gone: ['the resource version is too old', 'list again'],
  kube_invalid: ['the API server refuses the object', 'correct what its message names'],
  kube_too_many: ['the API server asks to slow down', 'wait; the call is tried again'],
  kube_failed: ['the API server failed', 'look at its log; the call is tried again'],
  kube_answer_malformed: ['the answer is not what an API server sends', 'check that the address is an API server'],
  kubeconfig_unusable: ['the kubeconfig cannot be used', 'correct what is named, or set KUBECONFIG'],
} as const satisfies Record<string, readonly [message: string, remedy: string]>;

export type KubeErrorCode = keyof typeof TABLE;

export class KubeError extends Error {
  readonly code: KubeErrorCode;
  readonly remedy: string;
  /** HTTP status; 0 when there was none. */
  readonly status: number;
  readonly retryAfterMs: number;

  constructor(code: KubeErrorCode, detail = '', status = 0, retryAfterMs = 0) {
    const [message, remedy] = TABLE[code];
    super(detail === '' ? message : `${message}: ${detail}`);
    this.name = 'KubeError';
    this.code = code;
    this.remedy = remedy;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export const KUBE_ERROR_CODES = Object.keys(TABLE) as readonly KubeErrorCode[];

/** From an answer's status and its `Status` object. */
export function kubeErrorOf(status: number, body: string, what: string, retryAfterMs = 0): KubeError {
  const parsed = readStatus(body);
  const detail = parsed.message === '' ? `${what}: HTTP ${status}` : `${what}: ${parsed.message}`;
  return new KubeError(codeOf(status, parsed.reason), detail, status, retryAfterMs);
}

function codeOf(status: number, reason: string): KubeErrorCode {
  if (status === 401) return 'kube_unauthorized';
  if (status === 403) return 'kube_forbidden';
  if (status === 404) return 'kube_not_found';
  if (status === 409) return reason === 'AlreadyExists' ? 'kube_exists' : 'kube_conflict';
  if (status === 410) return 'kube_gone';
  if (status === 429) return 'kube_too_many';
  return status >= 400 && status < 500 ? 'kube_invalid' : 'kube_failed';
}

function readStatus(body: string): { readonly message: string; readonly reason: string } {
  try {
    const { message, reason } = JSON.parse(body) as { message?: unknown; reason?: unknown };
    return { message: typeof message === 'string' ? message : '', reason: typeof reason === 'string' ? reason : '' };
  } catch {
    return { message: '', reason: '' };
  }
}
