// The Gateway API against a real API server: classes, gateways and routes get their conditions, a gateway pod gets their routes.
// The kinds are installed without schemas: what their own admission refuses is not tried here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TYPE_URL } from '#base';
import { GATEWAY_TYPES } from '#controllers';
import { type KubeObject, RESOURCES } from '#kube';
import { type ApiServer, must, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, podToken, Sidecar, startControlPlane } from './control-plane.ts';

let api: ApiServer;
let plane: ControlPlane;
const { Gateway, GatewayClass, HTTPRoute } = GATEWAY_TYPES;

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'infra', 'shop'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    must(
      await api.client.create(RESOURCES.services, {
        metadata: { name: 'web', namespace: 'shop' },
        spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 8080 }] },
      }),
    );
    plane = await startControlPlane(api);
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

test('kinds that are installed later are noticed, and a class of ours is accepted', skipWithoutKube, async () => {
  for (const [first] of Object.values(GATEWAY_TYPES)) must(await api.client.create(RESOURCES.crds, crd(first)));
  const theirs = { metadata: { name: 'theirs' }, spec: { controllerName: 'example.com/other' } };
  await until('the kinds', 60_000, async () => {
    const served = await Promise.all(Object.values(GATEWAY_TYPES).map(([first]) => api.client.page(first, {}, '', 1)));
    return served.every((one) => one.ok);
  });
  must(await api.client.create(GatewayClass[0], theirs));
  // The class named `istio` is the control plane's own to make.
  await until(
    'Accepted',
    60_000,
    async () => (await conditionOf(GatewayClass[0], { name: 'istio' }, 'Accepted'))?.status === 'True',
  );
  assert.equal(await conditionOf(GatewayClass[0], { name: 'theirs' }, 'Accepted'), undefined);
});

test('a Gateway is deployed, and its route reaches the gateway pod', skipWithoutKube, async () => {
  const listeners = [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }];
  must(
    await api.client.create(Gateway[0], {
      metadata: { name: 'front', namespace: 'infra', annotations: { 'networking.istio.io/service-type': 'ClusterIP' } },
      spec: { gatewayClassName: 'istio', listeners },
    }),
  );
  const spec = {
    parentRefs: [{ name: 'front', namespace: 'infra' }],
    hostnames: ['web.example'],
    rules: [
      { matches: [{ path: { type: 'PathPrefix', value: '/cart' } }], backendRefs: [{ name: 'web', port: 8080 }] },
    ],
  };
  must(await api.client.create(HTTPRoute[0], { metadata: { name: 'web', namespace: 'shop' }, spec }));
  await until(
    'Programmed',
    60_000,
    async () => (await conditionOf(Gateway[0], { namespace: 'infra', name: 'front' }, 'Programmed'))?.status === 'True',
  );
  const status = must(await api.client.get(Gateway[0], { namespace: 'infra', name: 'front' }))['status'] as {
    addresses: unknown[];
    listeners: { attachedRoutes: number }[];
  };
  assert.equal(status.addresses.length, 1);
  await until(
    'the attached route',
    60_000,
    async () =>
      (must(await api.client.get(Gateway[0], { namespace: 'infra', name: 'front' }))['status'] as typeof status)
        .listeners[0]?.attachedRoutes === 1,
  );
  must(await api.client.get(RESOURCES.deployments, { namespace: 'infra', name: 'front-istio' }));

  const sidecar = await gatewayPod();
  await until('the listener', 60_000, () =>
    [...(sidecar.held.get(TYPE_URL.listener)?.keys() ?? [])].some((name) => name.includes('80')),
  );
  sidecar.subscribe(TYPE_URL.route, ['http.80']);
  await until('the route', 60_000, () => sidecar.text(TYPE_URL.route, 'http.80').includes('/cart'));
  assert.match(sidecar.text(TYPE_URL.route, 'http.80'), /web\.example/);
  must(
    await api.client.mergePatch(
      HTTPRoute[0],
      { namespace: 'shop', name: 'web' },
      { spec: { rules: [{ backendRefs: [{ name: 'missing', port: 1 }] }] } },
    ),
  );
  await until('the change', 60_000, () => !sidecar.text(TYPE_URL.route, 'http.80').includes('/cart'));
  await until('its reason', 60_000, async () => {
    const { parents = [] } = (must(await api.client.get(HTTPRoute[0], { namespace: 'shop', name: 'web' }))['status'] ??
      {}) as {
      parents?: { controllerName: string; conditions: { type: string; reason: string }[] }[];
    };
    return parents.some(
      (one) =>
        one.controllerName === 'istio.io/gateway-controller' &&
        one.conditions.some(({ type, reason }) => type === 'ResolvedRefs' && reason === 'BackendNotFound'),
    );
  });
  sidecar.close();
});

async function gatewayPod(): Promise<Sidecar> {
  const labels = { 'gateway.networking.k8s.io/gateway-name': 'front' };
  const made = must(
    await api.client.create(RESOURCES.pods, {
      metadata: { name: 'front-1', namespace: 'infra', labels },
      spec: {
        serviceAccountName: 'front-istio',
        automountServiceAccountToken: false,
        containers: [{ name: 'a', image: 'a' }],
      },
    }),
  );
  const token = await podToken(api.client, {
    namespace: 'infra',
    name: 'front-1',
    serviceAccount: 'front-istio',
    uid: made.metadata.uid as string,
  });
  return new Sidecar({
    port: plane.xdsPort,
    token,
    roots: await meshRoots(api.client, 'infra'),
    id: 'router~10.1.2.3~front-1.infra~infra.svc.cluster.local',
    metadata: { NAMESPACE: 'infra', SERVICE_ACCOUNT: 'front-istio', LABELS: labels },
  });
}

async function conditionOf(
  type: (typeof Gateway)[0],
  place: { readonly namespace?: string; readonly name: string },
  name: string,
): Promise<{ readonly status: string; readonly reason: string } | undefined> {
  const got = await api.client.get(type, place);
  if (!got.ok && got.error.code === 'kube_not_found') return undefined;
  const { conditions = [] } = (must(got)['status'] ?? {}) as {
    conditions?: { type: string; status: string; reason: string }[];
  };
  return conditions.find((one) => one.type === name);
}

function crd({ group, version, plural, kind, namespaced }: (typeof Gateway)[0]): KubeObject {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' } },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        { name: version, served: true, storage: true, schema: { openAPIV3Schema }, subresources: { status: {} } },
      ],
    },
  };
}
