// The page /config_dump: judges the query here, and has the rest done where it takes nothing from the traffic.

import type { StreamedAnswer } from '#base';
import { renderDump } from './config-dump.ts';
import { isRefusal, readDumpOrder } from './dump-order.ts';
import type { DumpApart, DumpView } from './dump-view.ts';
import { packDump } from './parcel.ts';

export interface DumpReader {
  /** Nobody reads any more. */
  readonly gone: AbortSignal;
  /** Only status and headers are asked for: nothing is rendered. */
  readonly headOnly: boolean;
}

export async function configDumpPage(
  view: DumpView & { readonly dumpApart?: DumpApart | undefined },
  query: URLSearchParams,
  { gone, headOnly }: DumpReader,
): Promise<StreamedAnswer> {
  const order = await readDumpOrder(query);
  if (isRefusal(order)) return order;
  const apart = headOnly ? undefined : await view.dumpApart?.(packDump(view, query, order), gone);
  return apart ?? { status: 200, contentType: 'application/json', body: renderDump(view, order) };
}
