// What compiling a route configuration needs from outside.

import type { Any } from '@bufbuild/protobuf/wkt';

export interface RouteOptions {
  /** Decodes one entry of typed_per_filter_config; undefined = no such filter, which has been warned of. Throws a ConfigError. */
  decodeFilterConfig(filterName: string, config: Any, field: string): unknown;
  /** Something that was accepted but has no effect. */
  warn(field: string, reason: string): void;
  /** The connection manager's strip_trailing_host_dot. */
  readonly stripTrailingHostDot?: boolean;
}
