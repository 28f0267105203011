// Translation for the xDS server.
import type { ResourceSet } from '#base';
import type { Translate } from './discovery-xds.ts';
export function makeTranslate(): { translate: Translate; endpointNames: () => ReadonlySet<string> } {
  const empty: ResourceSet = new Map();
  return { translate: () => empty, endpointNames: () => new Set() };
}
