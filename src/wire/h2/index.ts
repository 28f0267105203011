export { H2ClientConnection, type H2ClientObserver } from './client-connection.ts';
export type { H2Options } from './h2-options.ts';
export type { H2Violation } from './flood-guard.ts';
export { CLIENT_PREFACE } from './frame.ts';
export { DEFAULT_LIMITS as DEFAULT_H2_LIMITS, h2HeadLimits, type H2Limits } from './limits.ts';
export { H2ServerConnection, type H2ServerObserver } from './server-connection.ts';
