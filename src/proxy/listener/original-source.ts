// Where connections to endpoints come from when a listener has Envoy's original_src filter: the client's own address.

import type { OriginalSource } from '#base';
import type { ListenerSnapshot } from './listener-snapshot.ts';

export function originalSourceOf(
  client: { readonly remoteAddress: string; readonly remotePort: number },
  { filters: { originalSrc } }: ListenerSnapshot,
): OriginalSource | undefined {
  if (originalSrc === undefined) return undefined;
  return { address: client.remoteAddress, port: originalSrc.port ? client.remotePort : 0, mark: originalSrc.mark };
}
