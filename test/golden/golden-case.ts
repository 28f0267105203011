// Reads a golden case: a header document that names proxies and seed files, then the configuration itself.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { load } from 'js-yaml';
import { type NodeMetadata, parseNodeId, type ProxyNode, type ResourceSet } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { buildSnapshot, type Snapshot } from '#push';
import { Registry } from '#registry';
import { translate } from '#translate';

const SEEDS = join(import.meta.dirname, '../../examples/seed');

interface Header {
  readonly title: string;
  /** Files of examples/seed, applied before the rest. */
  readonly seeds?: readonly string[];
  readonly proxies: Readonly<
    Record<
      string,
      {
        readonly id: string;
        readonly principal?: string;
        readonly metadata?: Partial<NodeMetadata>;
        readonly locality?: string;
      }
    >
  >;
}

export interface GoldenCase {
  readonly name: string;
  readonly title: string;
  readonly snapshot: Snapshot;
  readonly proxies: ReadonlyMap<string, ProxyNode>;
  readonly complaints: readonly string[];
  resources(proxy: string): ResourceSet;
  /** What the same proxy is sent when a stock Envoy carries its traffic. */
  envoyResources(proxy: string): ResourceSet;
}

export function readCase(path: string): GoldenCase {
  const text = readFileSync(path, 'utf8');
  const cut = text.indexOf('\n---\n');
  const header = load(text.slice(0, cut)) as Header;
  const files: [string, string][] = (header.seeds ?? []).map((seed) => [seed, readFileSync(join(SEEDS, seed), 'utf8')]);
  files.push([basename(path), text.slice(cut + 5)]);
  const documents = files.flatMap(([file, body]) =>
    parseText(file, body, { defaultNamespace: 'default', createdMs: 1 }),
  );
  const complaints = documents.flatMap((document) =>
    document.complaints.map((c) => `${c.code} ${c.object} ${c.path}: ${c.message}`),
  );
  const objects = documents
    .map((document) => document.object)
    .filter((object): object is ConfigObject => object !== undefined);
  const config = viewOf(objects);
  const registry = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' });
  const { view } = registry.rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const proxies = new Map(Object.entries(header.proxies).map(([name, proxy]) => [name, nodeOf(proxy)]));
  return {
    name: basename(path, '.yaml'),
    title: header.title,
    snapshot,
    proxies,
    complaints,
    resources: (proxy) => translate(snapshot, proxies.get(proxy) as ProxyNode),
    envoyResources: (proxy) => {
      const node = proxies.get(proxy) as ProxyNode;
      return translate(snapshot, { ...node, metadata: { ...node.metadata, TOPSAIL_DATA_PLANE: 'envoy' } });
    },
  };
}

function nodeOf(proxy: Header['proxies'][string]): ProxyNode {
  const parsed = parseNodeId(proxy.id);
  const [region = '', zone = '', subZone = ''] = (proxy.locality ?? '').split('/');
  return {
    id: proxy.id,
    parsed,
    cluster: 'istio-proxy',
    metadata: { NAMESPACE: parsed?.namespace ?? 'default', WORKLOAD_NAME: parsed?.workload ?? '', ...proxy.metadata },
    locality: { region, zone, subZone },
    userAgent: 'golden',
    principal: proxy.principal ?? '',
  };
}
