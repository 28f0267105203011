// Streams without an end (upgrades, CONNECT) would outlive their permission: a new configuration judges them again, by
// the request as it was judged first (design 4: cut when the edit revokes its peer).

import type { RequestHead } from '#wire/http';
import { FILTER_DISABLED } from './filter-disabled.ts';
import type { HttpStream } from './http-stream.ts';
import type { ManagerConfig } from './manager-config.ts';

/** Access log `%RESPONSE_CODE_DETAILS%` of what is cut. */
export const PEER_REVOKED = 'peer_revoked';

/** A copy of the head, before filters and routes change it; undefined when the stream ends by itself. */
export function keptForJudging(head: RequestHead): RequestHead | undefined {
  if (head.protocol === '' && head.method !== 'CONNECT') return undefined;
  return { ...head, headers: head.headers.clone() };
}

export function stillAllowed(asked: RequestHead, stream: HttpStream, config: ManagerConfig): boolean {
  for (const factory of config.filters) {
    if (factory.stillAllows === undefined) continue;
    const routeConfig = stream.choice?.perFilterConfig(factory.name);
    if (routeConfig === FILTER_DISABLED) continue;
    if (!factory.stillAllows({ head: asked, connection: stream.facts, record: stream.record, routeConfig }))
      return false;
  }
  return true;
}
