// A filter of ours as the connection manager's registry takes it, with the type of its per-route configuration.

import type { HttpFilterExtension } from '../http/filter.ts';

export interface PolicyFilterExtension extends HttpFilterExtension {
  /** Type URL of what `routeConfig` decodes; absent = the filter has none. */
  readonly routeTypeUrl?: string;
}
