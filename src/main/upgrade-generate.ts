// What this version of the control plane would generate for proxies of a cluster: it reads the cluster as the control plane does and
// writes nothing. What the running one knows besides (key sets, former routes, its trust domain) is taken over from it.
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { objectKey } from '#config';
import type { Generated, GenerateAsk } from '#cli';
import { createLogger, SystemClock, SystemRandom } from '#io';
import { loadTypes } from '#proto';
import { Pusher, readRetained } from '#push';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';
import { startGatewayApi } from './discovery-kube-gateways.ts';
import { openKubeConfig } from './discovery-kube-config.ts';
import { makeTranslation } from './discovery-translate.ts';
import { findKubeAccess, makeKubeClient } from './kube-access.ts';
import { placedTranslation } from './placed-translation.ts';

const CLUSTER = 'Kubernetes';

export async function generateFor(ask: GenerateAsk): Promise<Generated> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const log = createLogger({ level: 'error' });
  const { revision, running, meshConfigMap } = ask;
  const { client, close } = makeKubeClient(findKubeAccess(ask.flags), 'topsail');
  const { trustDomain } = running;
  let given: () => ReadonlyMap<string, string> = () => new Map();
  const pusher = new Pusher({
    clock,
    domain: CLUSTER_DOMAIN,
    cluster: CLUSTER,
    given: () => given(),
    retained: readRetained(running.retained),
    ...(trustDomain === '' ? {} : { trustDomain }),
  });
  pusher.keySetsChanged(new Map(running.keySets), []);
  const config = await openKubeConfig({
    client,
    clock,
    random,
    log,
    rootNamespace: ask.namespace,
    revision,
    cluster: CLUSTER,
    podsChanged: (changes) => pusher.podsChanged(changes),
  });
  given = () => config.source.givenAddresses;
  // It has no lease: it translates the Gateway API and writes no status.
  const gatewayApi = startGatewayApi(config, { client, clock, random, log, revision });
  try {
    if (meshConfigMap !== undefined) {
      const { name } = meshConfigMap.metadata;
      config.source.set(objectKey('ConfigMap', ask.namespace, name), 'ConfigMap', meshConfigMap);
      config.source.commit();
    }
    await gatewayApi.start();
    config.subscribe((view, diff) => pusher.configChanged(view, diff));
    pusher.flush();
    const { snapshot } = pusher;
    if (snapshot === undefined) throw new Error('the cluster holds no configuration');
    const translation = placedTranslation(makeTranslation(), (namespace, workload) =>
      config.pods.localityOf(namespace, workload),
    );
    const types = await loadTypes();
    return {
      resources: ask.nodes.map((node) => translation.translate(snapshot, node)),
      decode: (typeUrl, bytes) => {
        const schema = types.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
        return schema === undefined ? undefined : toJson(schema, fromBinary(schema, bytes), { registry: types });
      },
    };
  } finally {
    gatewayApi.stop();
    config.close();
    pusher.close();
    close();
  }
}
