// Where Topsail and Envoy are known to differ, and why that is right. The list only shrinks.

export interface Difference {
  readonly what: string;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'The default retry, on both data planes, is not Istio’s: only what provably was not processed, and idempotent methods, is tried again.',
    why: 'Istio’s default repeats POSTs whose connection broke, and with them payments. `defaultHttpRetryPolicy` restores it.',
  },
  {
    what: 'x-forwarded-for at a gateway, for callers on the same machine: Envoy appends its own address, Topsail the caller’s (127.0.0.1).',
    why: 'Only callers on loopback are concerned, and their address is the truth.',
  },
  {
    what: 'Percent-escapes of a path: Topsail writes their digits in upper case (`/a%2Fb`), Envoy leaves them as they came.',
    why: 'RFC 3986 §6.2.2.1: one spelling for policies, routes and the application, so that none of them is passed by another.',
  },
];
