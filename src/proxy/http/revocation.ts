// Streams that last would outlive their permission: a new configuration judges them again, by the request as it was
// judged first (design 4: cut when the edit revokes its peer). Upgrades and CONNECT never end by themselves and are cut
// at once; other requests get time to finish what is nearly done, then long polls, event streams and gRPC streams go too.

import type { RequestHead } from '#wire/http';
import { FILTER_DISABLED } from './filter-disabled.ts';
import type { HttpStream } from './http-stream.ts';
import type { ManagerConfig } from './manager-config.ts';

/** Access log `%RESPONSE_CODE_DETAILS%` of what is cut. */
export const PEER_REVOKED = 'peer_revoked';

/** ms that requests which end by themselves have left when a configuration refuses them; all are gone within 5 s. */
export const REVOKED_GRACE_MS = 2000;

/** Bytes of unknown meaning in both directions: no end is to be expected. */
export function isEndless({ protocol, method }: RequestHead): boolean {
  return protocol !== '' || method === 'CONNECT';
}

/** A copy of the head, before filters and routes change it; undefined where nobody judges by it. */
export function keptForJudging(head: RequestHead, config: ManagerConfig): RequestHead | undefined {
  if (!isEndless(head) && !config.filters.some((factory) => factory.stillAllows !== undefined)) return undefined;
  return { ...head, headers: head.headers.clone() };
}

export function stillAllowed(stream: HttpStream, config: ManagerConfig): boolean {
  const asked = stream.asked ?? unjudged(stream);
  for (const factory of config.filters) {
    if (factory.stillAllows === undefined) continue;
    const routeConfig = stream.choice?.perFilterConfig(factory.name);
    if (routeConfig === FILTER_DISABLED) continue;
    if (!factory.stillAllows({ head: asked, connection: stream.facts, record: stream.record, routeConfig }))
      return false;
  }
  return true;
}

/** Let in when there was no policy: what is left of the request as it came. */
function unjudged({ head, record }: HttpStream): RequestHead {
  return { ...head, path: record.originalPath === '' ? head.path : record.originalPath, authority: record.authority };
}
