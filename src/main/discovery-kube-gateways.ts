// The Gateway API beside Istio's kinds: what its objects mean is put into the same store, so that everything after it knows only one kind of route.
import type { Clock, Logger, Random } from '#base';
import { type KindName, readKubeObject } from '#config';
import { GatewayApiController } from '#controllers';
import { readCertificateSecret } from '#identity';
import type { KubeClient } from '#kube';
import type { KubeConfig } from './discovery-kube-config.ts';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';

/** The generated objects' place in the store. */
const FILE = 'gateway-api';

export function startGatewayApi(
  config: KubeConfig,
  parts: {
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Logger;
    readonly revision: string;
  },
): GatewayApiController {
  const { store } = config;
  const controller = new GatewayApiController({
    ...parts,
    domain: CLUSTER_DOMAIN,
    view: () => store.view,
    hasCertificate: (namespace, name) => {
      const data = store.view.get('Secret', namespace, name)?.spec.data;
      const read = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
      return readCertificateSecret(read('tls.crt'), read('tls.key')).ok;
    },
    publish: (manifests) => {
      const documents = manifests.flatMap((manifest) => readKubeObject(manifest.kind as KindName, manifest, ''));
      for (const { key, complaints } of documents) {
        for (const one of complaints)
          if (one.severity === 'error')
            parts.log.warn('a route of the Gateway API cannot be expressed', {
              object: key ?? '',
              path: one.path,
              problem: one.message,
            });
      }
      store.setFile(FILE, documents);
      store.commit();
    },
  });
  store.subscribe((_, diff) => controller.configChanged([...diff.added, ...diff.changed, ...diff.removed]));
  return controller;
}

export function isGenerated(config: KubeConfig, key: string): boolean {
  return config.store.documentsOf(key)[0]?.file === FILE;
}
