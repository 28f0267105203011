// A key set that verifies nothing, for issuers whose keys are not known: Envoy refuses an empty set, and a missing filter would let every token pass.

/** A point of P-256 whose x is SHA-256("topsail: nobody has this key 0"): nobody can know its private key. No token carries its key id. */
export const NO_KEY = JSON.stringify({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      kid: 'topsail: no key of this issuer is known',
      x: 'qh4AWuWjiN8YSfuVMPfClbvRtweXuR0uJI6kWgcKX4c',
      y: 'tFItUm74Fm8V4QPsNk-CQINDe6s3q0rsAxlKyyWf_bs',
    },
  ],
});

/** Sets without an asymmetric key are as good as none. */
export function usableKeys(text: string | undefined): string {
  if (text === undefined) return NO_KEY;
  try {
    const { keys } = JSON.parse(text) as { readonly keys?: unknown };
    return Array.isArray(keys) &&
      keys.some((key) => ['RSA', 'EC', 'OKP'].includes((key as { readonly kty?: string } | null)?.kty ?? ''))
      ? text
      : NO_KEY;
  } catch {
    return NO_KEY;
  }
}
