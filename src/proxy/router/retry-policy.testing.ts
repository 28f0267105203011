// A compiled retry policy as a route without one of its own settings has it.

import type { CompiledRetryPolicy } from '../route/index.ts';

export const RETRY_POLICY = {
  on: new Set(['5xx']),
  retries: 1,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  statusCodes: new Set<number>(),
  retriableHeaders: [],
  requestHeaders: [],
  avoidPreviousHosts: true,
  omitsHost: undefined,
  hostSelectionAttempts: 3,
  previousPrioritiesFrequency: 0,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
  rateLimitedReset: undefined,
} satisfies CompiledRetryPolicy;
