// Translation for proxies that do not know where they run: in a cluster the node's labels say it, not the agent.
import type { ProxyNode } from '#base';
import type { Locality } from '#registry';
import type { Translation } from './discovery-translate.ts';

export type LocalityOf = (namespace: string, workload: string) => Locality | undefined;

export function placedTranslation(translation: Translation, localityOf: LocalityOf | undefined): Translation {
  if (localityOf === undefined) return translation;
  // The same object for the same proxy and place: what is made from it may be kept.
  const placed = new WeakMap<ProxyNode, ProxyNode>();
  const place = (node: ProxyNode): ProxyNode => {
    if (node.parsed === undefined || node.locality.region !== '') return node;
    const locality = localityOf(node.parsed.namespace, node.parsed.workload);
    if (locality === undefined || locality.region === '') return node;
    const known = placed.get(node);
    if (known?.locality === locality) return known;
    const made = { ...node, locality };
    placed.set(node, made);
    return made;
  };
  return {
    ...translation,
    translate: (snapshot, node) => translation.translate(snapshot, place(node)),
    translateEndpoints: (snapshot, node) => translation.translateEndpoints(snapshot, place(node)),
  };
}
