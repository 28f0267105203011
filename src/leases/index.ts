// Limits that all proxies share: the control plane counts, and proxies draw tokens ahead of their requests (docs/designs/global-rate-limits.md).
export { type DrawnLimit, Drawer } from './drawer.ts';
export { LeaseDesk } from './lease-desk.ts';
export { ANSWER_MS } from './limits.ts';
export type { LeasedBucket, Waiter } from './leased-bucket.ts';
export type { Ask, Grant, Reply, Share, SharedLimit } from './messages.ts';
