// One workload's sidecar in this process: configuration text goes through validation, registry, snapshot and translation, as in the control plane.
import type { ProxyNode } from '../../../src/base/index.ts';
import { silentLogger, TYPE_URL } from '../../../src/base/index.ts';
import { parseText, viewOf } from '../../../src/config/index.ts';
import { makeRoot, type SecretSource, type SecretValue } from '../../../src/identity/index.ts';
import { makePeer } from '../../../src/identity/testing/make-peer.ts';
import { SystemClock, SystemNet, SystemRandom } from '../../../src/io/index.ts';
import { startProxy } from '../../../src/main/proxy.ts';
import { buildSnapshot } from '../../../src/push/index.ts';
import { Registry } from '../../../src/registry/index.ts';
import { translate } from '../../../src/translate/index.ts';
import { formatPem } from '../../../src/wire/tls/index.ts';
import { freePort } from '../../mesh/test-ports.ts';

const root = makeRoot({ organization: 'cluster.local', nowMs: Date.now() });
const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/app';
const peer = makePeer(root, Date.now(), { uris: [IDENTITY] });
const values: Readonly<Record<string, SecretValue>> = {
  default: {
    kind: 'certificate',
    certChainPem: peer.pem,
    privateKeyPem: peer.keyPem,
    version: '1',
    notAfterMs: Date.now() + 3_600_000,
    spiffeId: IDENTITY,
  },
  ROOTCA: { kind: 'trust', rootsPem: formatPem('CERTIFICATE', root.certificate.der), crlPem: '', version: '1' },
};
const secrets: SecretSource = {
  subscribe: (name, changed) => {
    const value = values[name];
    if (value !== undefined) changed(value);
    return () => {};
  },
};

export interface Inbound {
  /** Where requests for the application arrive at its sidecar. */
  readonly appPort: number;
  /** Lines of access logs, whatever file they are for. */
  readonly logged: readonly string[];
  /** Sum of the counters whose name ends so. */
  counter(name: string): number;
  close(): void;
}

/** A workload `shop/app` in interception mode NONE whose declared port 8080 stands at `appPort` on loopback. */
export async function runInbound(
  text: string,
  appPort: number,
  options: { readonly keySets?: ReadonlyMap<string, string> } = {},
): Promise<Inbound> {
  const boundPort = await freePort();
  const node: ProxyNode = {
    id: 'sidecar~127.0.0.1~app.shop~shop.svc.cluster.local',
    parsed: { type: 'sidecar', ip: '127.0.0.1', workload: 'app', namespace: 'shop', domain: 'cluster.local' },
    cluster: 'app',
    metadata: {
      NAMESPACE: 'shop',
      WORKLOAD_NAME: 'app',
      LABELS: { app: 'app' },
      INTERCEPTION_MODE: 'NONE',
      TOPSAIL_DATA_PLANE: 'topsail',
      TOPSAIL_BOUND_PORTS: [{ port: 8080, appPort, boundPort }],
    },
    locality: { region: '', zone: '', subZone: '' },
    userAgent: 'test',
    principal: '',
  };
  return await run(text, node, boundPort, options.keySets);
}

/** A gateway `shop/gateway` whose port 8080 stands at `appPort`. */
export async function runGateway(text: string): Promise<Inbound> {
  const boundPort = await freePort();
  const node: ProxyNode = {
    id: 'router~127.0.0.1~gateway.shop~shop.svc.cluster.local',
    parsed: { type: 'router', ip: '127.0.0.1', workload: 'gateway', namespace: 'shop', domain: 'cluster.local' },
    cluster: 'gateway',
    metadata: {
      NAMESPACE: 'shop',
      WORKLOAD_NAME: 'gateway',
      LABELS: { istio: 'gateway' },
      INTERCEPTION_MODE: 'NONE',
      TOPSAIL_DATA_PLANE: 'topsail',
      TOPSAIL_GATEWAY_PORTS: { 8080: boundPort },
    },
    locality: { region: '', zone: '', subZone: '' },
    userAgent: 'test',
    principal: '',
  };
  return await run(text, node, boundPort, undefined);
}

async function run(
  text: string,
  node: ProxyNode,
  boundPort: number,
  keySets: ReadonlyMap<string, string> | undefined,
): Promise<Inbound> {
  const documents = parseText('test.yaml', text, { defaultNamespace: 'shop', createdMs: 1 });
  const refused = documents
    .filter((one) => one.object === undefined)
    .flatMap((one) => one.complaints.map((c) => `${c.path}: ${c.message}`));
  if (refused.length > 0) throw new Error(refused.join('\n'));
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const registry = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' });
  const { view } = registry.rebuild(config);
  const snapshot = buildSnapshot({
    config,
    registry: view,
    domain: 'cluster.local',
    former: undefined,
    ...(keySets === undefined ? {} : { keySets }),
  });
  const set = translate(snapshot, node);
  const logged: string[] = [];
  const handle = await startProxy({
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets,
    openLog: () => ({ write: (text: string) => void logged.push(text), reopen: () => {}, close: () => {} }) as never,
  });
  for (const type of [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.route, TYPE_URL.listener]) {
    const rejects = handle.proxy.applyResources(type, [...(set.get(type)?.values() ?? [])], []);
    if (rejects.length > 0) throw new Error(rejects.map((one) => `${one.name}: ${one.detail}`).join('\n'));
  }
  const unbound = await handle.proxy.config.settled();
  if (unbound.size > 0) throw new Error([...unbound].join('\n'));
  return {
    appPort: boundPort,
    logged,
    counter: (name) =>
      [...handle.proxy.services.stats.named()]
        .filter((one) => one.name.endsWith(`.${name}`))
        .reduce((sum, one) => sum + (one.values[0] ?? 0), 0),
    close: () => handle.close(),
  };
}
