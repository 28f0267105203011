// What the certificate authority's routes answer.

export interface CaRootJson {
  readonly subject: string;
  readonly serial: string;
  readonly key: string;
  readonly notAfterMs: number;
  readonly signs: boolean;
  /** The only ones that it vouches for; undefined: all. */
  readonly trustDomains?: readonly string[];
}

export interface CaStatusJson {
  readonly kind: 'self-signed' | 'plugged-in' | 'external';
  readonly phase: 'steady' | 'announced' | 'draining';
  /** Milliseconds until the phase ends by itself. */
  readonly nextStepInMs?: number;
  /** Of kind `external`: the control plane's own certificate. */
  readonly signer: { readonly subject: string; readonly key: string; readonly notAfterMs: number };
  readonly roots: readonly CaRootJson[];
  readonly revoked: number;
  readonly issued: number;
}

export interface CaRotateAsk {
  readonly spreadMs?: number;
  /** Takes the next step of a rotation that is under way. */
  readonly now?: boolean;
}

export interface CaRevokeAsk {
  readonly serial?: string;
  readonly identity?: string;
}

export interface CaRevokedJson {
  readonly serials: readonly string[];
}
