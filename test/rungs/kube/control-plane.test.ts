// The control plane against a real API server: what is created there reaches a sidecar over xDS, whose token the API server judges.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TYPE_URL } from '#base';
import { makeSignCsr } from '#agent';
import { generateKeyPair, issueLeaf, makeCsr, makeRoot, privateKeyPem } from '#identity';
import { type KubeObject, RESOURCES } from '#kube';
import { makeKubeClient } from '../../../src/main/kube-access.ts';
import { type ApiServer, must, resourceOf, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, podToken, Sidecar, startControlPlane } from './control-plane.ts';

let api: ApiServer;
let plane: ControlPlane;
let roots = '';
const REVIEWS_80 = 'outbound|9080||reviews.shop.svc.cluster.local';

if (skipWithoutKube.skip === undefined) {
  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', 'shop', 'other'])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    must(
      await api.client.create(RESOURCES.nodes, {
        metadata: {
          name: 'n1',
          labels: { 'topology.kubernetes.io/region': 'r1', 'topology.kubernetes.io/zone': 'z1' },
        },
      }),
    );
    for (const name of ['client', 'reviews'])
      must(await api.client.create(SERVICE_ACCOUNTS, { metadata: { name, namespace: 'shop' } }));
    must(await api.client.create(RESOURCES.services, service('reviews')));
    plane = await startControlPlane(api);
    roots = await meshRoots(api.client, 'shop');
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });
}

test(
  'a pod behind a Service becomes an endpoint with its locality, and leaves when it terminates',
  skipWithoutKube,
  async () => {
    const pod = await makePod('reviews-1', 'reviews', '10.1.0.7');
    await setSlice([{ ip: '10.1.0.7', pod }]);
    const sidecar = await makeSidecar('client-1');
    // The slice, the pod and its node are watched one by one: any of them may come last.
    await until('the endpoint with its locality', 60_000, () => {
      const text = sidecar.text(TYPE_URL.endpoint, REVIEWS_80);
      return ['10.1.0.7', 'r1', 'z1'].every((one) => text.includes(one));
    });
    await setSlice([
      { ip: '10.1.0.7', pod, terminating: true },
      { ip: '10.1.0.8', pod: undefined },
    ]);
    await until('the change', 60_000, () => {
      const text = sidecar.text(TYPE_URL.endpoint, REVIEWS_80);
      return text.includes('10.1.0.8') && !text.includes('10.1.0.7');
    });
    sidecar.close();
  },
);

test('a VirtualService of any served version reaches the route', skipWithoutKube, async () => {
  const sidecar = await makeSidecar('client-2');
  sidecar.subscribe(TYPE_URL.route, ['9080']);
  await until('the route', 60_000, () => sidecar.text(TYPE_URL.route, '9080').includes('reviews.shop'));
  for (const [index, version] of (['v1', 'v1beta1', 'v1alpha3'] as const).entries()) {
    const type = { ...resourceOf('VirtualService'), version };
    const object: KubeObject = {
      metadata: { name: 'reviews', namespace: 'shop' },
      spec: {
        hosts: ['reviews'],
        http: [
          {
            name: `from-${version}`,
            match: [{ uri: { prefix: `/p${index}` } }],
            route: [{ destination: { host: 'reviews' } }],
          },
        ],
      },
    };
    must(await api.client.apply(type, object, { force: true }));
    await until(version, 60_000, () => sidecar.text(TYPE_URL.route, '9080').includes(`/p${index}`));
  }
  must(await api.client.delete(resourceOf('VirtualService'), { namespace: 'shop', name: 'reviews' }));
  await until('the removal', 60_000, () => !sidecar.text(TYPE_URL.route, '9080').includes('/p2'));
  sidecar.close();
});

test(
  'a token for another audience, or of another namespace than the node says, is refused',
  skipWithoutKube,
  async () => {
    const pod = await makePod('client-3', 'client', '10.1.0.33');
    const wrong = await podToken(api.client, pod, 'https://kubernetes.default.svc');
    const impostor = new Sidecar({
      port: plane.xdsPort,
      token: wrong,
      roots,
      id: nodeId('client-3', 'shop'),
      metadata: { NAMESPACE: 'shop' },
    });
    await until('the refusal', 60_000, () => impostor.lastError !== '');
    assert.match(impostor.lastError, /audience|authenticat|token/i);
    impostor.close();
    const right = await podToken(api.client, pod);
    const elsewhere = new Sidecar({
      port: plane.xdsPort,
      token: right,
      roots,
      id: nodeId('client-3', 'other'),
      metadata: { NAMESPACE: 'other' },
    });
    await until('the refusal', 60_000, () => elsewhere.lastError !== '');
    assert.equal(elsewhere.connected, false);
    elsewhere.close();
  },
);

test('a pod has its certificate request signed for the identity of its token', skipWithoutKube, async () => {
  const pod = await makePod('client-4', 'client', '10.1.0.34');
  const token = await podToken(api.client, pod);
  const sidecar = new Sidecar({
    port: plane.xdsPort,
    token,
    roots,
    id: nodeId('client-4', 'shop'),
    metadata: { NAMESPACE: 'shop' },
  });
  const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/other/sa/somebody');
  let chain: readonly string[] = [];
  let said = '';
  // A busy machine may answer too late.
  await until(
    () => `a certificate: ${said}`,
    60_000,
    async () => {
      const signed = await makeSignCsr(sidecar.channel, async () => token)(csr, 3_600_000, undefined);
      if (signed.ok) chain = signed.value;
      else said = signed.error.message;
      return signed.ok;
    },
  );
  const { X509Certificate } = await import('node:crypto');
  assert.equal(new X509Certificate(chain[0] as string).subjectAltName, 'URI:spiffe://cluster.local/ns/shop/sa/client');
  sidecar.close();
});

test('the authority outlives a restart, and a second replica serves the same root', skipWithoutKube, async () => {
  const second = await startControlPlane(api, 'istiod-1');
  assert.equal(await meshRoots(api.client, 'shop'), roots);
  const sidecar = await makeSidecar('client-5', second.xdsPort);
  await until(
    'clusters from the second replica',
    60_000,
    () => sidecar.held.get(TYPE_URL.cluster)?.has(REVIEWS_80) === true,
  );
  sidecar.close();
  await second.stop();
});

test('istio-ca-root-cert comes back when it is deleted, and appears in new namespaces', skipWithoutKube, async () => {
  must(await api.client.delete(RESOURCES.configMaps, { namespace: 'shop', name: 'istio-ca-root-cert' }));
  assert.equal(await meshRoots(api.client, 'shop'), roots);
  must(await api.client.create(RESOURCES.namespaces, { metadata: { name: 'fresh' } }));
  assert.equal(await meshRoots(api.client, 'fresh'), roots);
});

test('it is put back after an edit by hand, and left alone as another control plane’s', skipWithoutKube, async () => {
  const edit = async (manager: string, namespace: string): Promise<void> => {
    const { client, close } = makeKubeClient(api.access, manager);
    const place = { namespace, name: 'istio-ca-root-cert' };
    must(await client.mergePatch(RESOURCES.configMaps, place, { data: { 'root-cert.pem': manager } }));
    close();
  };
  await edit('pilot-discovery', 'fresh');
  await edit('kubectl-edit', 'shop');
  await until('the roots', 60_000, async () => (await meshRoots(api.client, 'shop')) === roots);
  assert.equal(await meshRoots(api.client, 'fresh'), 'pilot-discovery');
});

test(
  'the validating webhook refuses with field path and remedy, and lets other kinds alone',
  skipWithoutKube,
  async () => {
    must(
      await api.client.create(RESOURCES.validatingWebhooks, {
        metadata: { name: 'validator' },
        webhooks: [
          {
            name: 'rev.validation.istio.io',
            failurePolicy: 'Fail',
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            clientConfig: {
              url: `https://localhost:${plane.httpsPort}/validate`,
              caBundle: Buffer.from(roots).toString('base64'),
            },
            rules: [
              {
                operations: ['CREATE', 'UPDATE'],
                apiGroups: ['networking.istio.io', 'security.istio.io'],
                apiVersions: ['*'],
                resources: ['*'],
              },
            ],
          },
        ],
      }),
    );
    const bad: KubeObject = {
      metadata: { name: 'bad', namespace: 'shop' },
      spec: {
        hosts: ['reviews'],
        http: [
          {
            route: [
              { destination: { host: 'reviews' }, weight: 30 },
              { destination: { host: 'other' }, weight: -1 },
            ],
          },
        ],
      },
    };
    let message = '';
    await until('the webhook', 60_000, async () => {
      const made = await api.client.create(resourceOf('VirtualService'), bad);
      if (made.ok) await api.client.delete(resourceOf('VirtualService'), { namespace: 'shop', name: 'bad' });
      else message = made.error.message;
      return /TS-CFG/.test(message) || /weight/.test(message);
    });
    assert.match(message, /spec\.http\[0\]\.route\[1\]\.weight/);
    must(await api.client.create(RESOURCES.configMaps, { metadata: { name: 'unrelated', namespace: 'shop' } }));
    must(await api.client.delete(RESOURCES.validatingWebhooks, { name: 'validator' }));
  },
);

test(
  "a webhook that calls our Service is given our root; another control plane's is left alone",
  skipWithoutKube,
  async () => {
    const hook = (name: string, service: string): KubeObject => ({
      metadata: { name },
      webhooks: [
        {
          name: 'rev.validation.istio.io',
          failurePolicy: 'Ignore',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          clientConfig: { service: { name: service, namespace: 'istio-system', path: '/validate', port: 443 } },
          rules: [{ operations: ['CREATE'], apiGroups: ['extensions.istio.io'], apiVersions: ['*'], resources: ['*'] }],
        },
      ],
    });
    must(await api.client.create(RESOURCES.validatingWebhooks, hook('theirs', 'istiod-other')));
    must(await api.client.create(RESOURCES.validatingWebhooks, hook('ours', 'istiod')));
    const first = async (name: string) =>
      (
        must(await api.client.get(RESOURCES.validatingWebhooks, { name }))['webhooks'] as {
          failurePolicy: string;
          clientConfig: { caBundle?: string };
        }[]
      )[0];
    await until(
      'the bundle',
      60_000,
      async () => (await first('ours'))?.clientConfig.caBundle === Buffer.from(roots).toString('base64'),
    );
    assert.equal((await first('ours'))?.failurePolicy, 'Fail');
    assert.equal((await first('theirs'))?.clientConfig.caBundle, undefined);
    for (const name of ['ours', 'theirs']) must(await api.client.delete(RESOURCES.validatingWebhooks, { name }));
  },
);

test(
  'an object says in its status that it is accepted, and on how many proxies it is in force',
  skipWithoutKube,
  async () => {
    const type = resourceOf('DestinationRule');
    const sidecar = await makeSidecar('client-6');
    await until('clusters', 60_000, () => sidecar.held.get(TYPE_URL.cluster)?.has(REVIEWS_80) === true);
    must(
      await api.client.create(type, {
        metadata: { name: 'reviews', namespace: 'shop' },
        spec: { host: 'reviews', trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } },
      }),
    );
    await until('Programmed', 60_000, async () =>
      (await conditions(type, 'reviews')).some(
        (one) => one.type === 'Programmed' && one.status === 'True' && one.message === '1/1 proxies',
      ),
    );
    const [accepted] = await conditions(type, 'reviews');
    assert.deepEqual([accepted?.type, accepted?.status, accepted?.observedGeneration], ['Accepted', 'True', 1]);
    // Refused by our judgement, though the schema lets it pass: the former version stays in force.
    const patch = { spec: { subsets: [{ name: 'twice' }, { name: 'twice' }] } };
    // The API server may ask a webhook for a moment longer that was deleted.
    await until(
      'the webhook is forgotten',
      60_000,
      async () => (await api.client.mergePatch(type, { namespace: 'shop', name: 'reviews' }, patch)).ok,
    );
    await until('the refusal', 60_000, async () =>
      (await conditions(type, 'reviews')).some((one) => one.type === 'Accepted' && one.status === 'False'),
    );
    assert.match((await conditions(type, 'reviews'))[0]?.message ?? '', /subsets.*last good version/);
    await until('the event', 60_000, async () =>
      must(await api.client.list(RESOURCES.events, { namespace: 'shop' })).some((one) => one['reason'] === 'Invalid'),
    );
    must(await api.client.delete(type, { namespace: 'shop', name: 'reviews' }));
    sidecar.close();
  },
);

test(
  'what is found between objects stands in the status for as long as it is so, in the words of the command line',
  skipWithoutKube,
  async () => {
    await makePod('app-7', 'client', '10.1.0.77', { app: 'client' });
    const policies = resourceOf('AuthorizationPolicy');
    const rules = resourceOf('VirtualService');
    must(
      await api.client.create(policies, {
        metadata: { name: 'nobody', namespace: 'shop' },
        spec: { selector: { matchLabels: { app: 'payments' } }, rules: [{}] },
      }),
    );
    must(
      await api.client.create(rules, {
        metadata: { name: 'lost', namespace: 'shop' },
        spec: { hosts: ['lost.shop'], http: [{ route: [{ destination: { host: 'nowhere' } }] }] },
      }),
    );
    const analysis = async (type: typeof policies, name: string) =>
      (await conditions(type, name)).find((one) => one.type === 'PassedAnalysis');
    await until('the selector', 60_000, async () => (await analysis(policies, 'nobody'))?.status === 'False');
    const found = await analysis(policies, 'nobody');
    assert.equal(found?.reason, 'WarningsFound');
    assert.match(found?.message ?? '', /^TS-REG-026 spec\.selector\.matchLabels: .*namespace shop.* app=payments/);
    assert.deepEqual(
      (must(await api.client.get(policies, { namespace: 'shop', name: 'nobody' }))['status'] as KubeObject)[
        'validationMessages'
      ],
      [{ type: { code: 'TS-REG-026' }, level: 'WARNING', documentationUrl: 'docs/errors.md#ts-reg-026' }],
    );
    await until('the destination', 60_000, async () => /nowhere/.test((await analysis(rules, 'lost'))?.message ?? ''));
    const written = must(await api.client.get(policies, { namespace: 'shop', name: 'nobody' })).metadata
      .resourceVersion;

    await makePod('payments-1', 'client', '10.1.0.78', { app: 'payments' });
    await until('its workload', 60_000, async () => (await analysis(policies, 'nobody')) === undefined);
    await until('no message', 60_000, async () => {
      const object = must(await api.client.get(policies, { namespace: 'shop', name: 'nobody' }));
      const { validationMessages = [] } = object['status'] as { validationMessages?: unknown[] };
      return validationMessages.length === 0 && object.metadata.resourceVersion !== written;
    });
    assert.deepEqual(
      (await conditions(policies, 'nobody')).map(({ type }) => type),
      ['Accepted', 'Programmed'],
    );
    for (const [type, name] of [
      [policies, 'nobody'],
      [rules, 'lost'],
    ] as const)
      must(await api.client.delete(type, { namespace: 'shop', name }));
  },
);

test('a policy for a Service says that no waypoint serves it', skipWithoutKube, async () => {
  const type = resourceOf('AuthorizationPolicy');
  must(
    await api.client.create(type, {
      metadata: { name: 'waypoint', namespace: 'shop' },
      spec: { targetRefs: [{ kind: 'Service', name: 'reviews' }], action: 'DENY', rules: [{}] },
    }),
  );
  await until('WaypointAccepted', 60_000, async () =>
    (await conditions(type, 'waypoint')).some(
      (one) =>
        one.type === 'WaypointAccepted' &&
        one.status === 'False' &&
        one.message === 'Service shop/reviews is not bound to a waypoint',
    ),
  );
  must(await api.client.delete(type, { namespace: 'shop', name: 'waypoint' }));
});

test('a gateway is given the certificate of a Secret in its namespace, and its renewal', skipWithoutKube, async () => {
  const pod = await makePod('ingress-1', 'client', '10.1.0.90', { istio: 'ingressgateway' });
  must(
    await api.client.create(resourceOf('Gateway'), {
      metadata: { name: 'front', namespace: 'shop' },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [
          {
            port: { number: 443, name: 'https', protocol: 'HTTPS' },
            hosts: ['shop.example'],
            tls: { mode: 'SIMPLE', credentialName: 'shop-cert' },
          },
        ],
      },
    }),
  );
  const gateway = new Sidecar({
    port: plane.xdsPort,
    token: await podToken(api.client, pod),
    roots,
    id: nodeId('ingress-1', 'shop').replace('sidecar~', 'router~'),
    metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'client', LABELS: { istio: 'ingressgateway' } },
  });
  gateway.subscribe(TYPE_URL.secret, ['kubernetes://shop-cert']);
  for (const name of ['first.example', 'second.example']) {
    const pair = await selfSigned(name);
    const data = {
      'tls.crt': Buffer.from(pair.cert).toString('base64'),
      'tls.key': Buffer.from(pair.key).toString('base64'),
    };
    must(
      await api.client.apply(
        RESOURCES.secrets,
        { metadata: { name: 'shop-cert', namespace: 'shop' }, type: 'kubernetes.io/tls', data },
        { force: true },
      ),
    );
    await until(name, 60_000, () => gateway.text(TYPE_URL.secret, 'kubernetes://shop-cert').includes(pair.cert));
  }
  gateway.close();
  const elsewhere = await makeSidecar('client-7');
  elsewhere.subscribe(TYPE_URL.secret, ['kubernetes://shop-cert', 'kubernetes://istio-ca-secret']);
  await until('clusters', 60_000, () => elsewhere.held.get(TYPE_URL.cluster) !== undefined);
  assert.equal(
    elsewhere.text(TYPE_URL.secret, 'kubernetes://shop-cert'),
    '',
    'a sidecar has no business with a gateway certificate',
  );
  elsewhere.close();
});

async function conditions(
  type: ReturnType<typeof resourceOf>,
  name: string,
): Promise<readonly { type: string; status: string; reason?: string; message: string; observedGeneration?: number }[]> {
  const object = must(await api.client.get(type, { namespace: 'shop', name }));
  return (
    (object['status'] as { conditions?: { type: string; status: string; message: string }[] } | undefined)
      ?.conditions ?? []
  );
}

async function selfSigned(name: string): Promise<{ readonly cert: string; readonly key: string }> {
  const root = makeRoot({ organization: name, nowMs: Date.now() });
  const key = generateKeyPair();
  const leaf = issueLeaf(
    root,
    { spki: key.spki, uris: [], dns: [name], ttlMs: 3_600_000, keyEncipherment: false },
    Date.now(),
  );
  return { cert: leaf.pem, key: privateKeyPem(key) };
}

const SERVICE_ACCOUNTS = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

function service(name: string): KubeObject {
  return {
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 9080 }] },
  };
}

interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly uid: string;
}

async function makePod(
  name: string,
  serviceAccount: string,
  ip: string,
  labels: Record<string, string> = { app: serviceAccount },
): Promise<Pod> {
  const made = must(
    await api.client.create(RESOURCES.pods, {
      metadata: { name, namespace: 'shop', labels },
      spec: {
        serviceAccountName: serviceAccount,
        nodeName: 'n1',
        automountServiceAccountToken: false,
        containers: [{ name: 'a', image: 'a' }],
      },
    }),
  );
  must(
    await api.client.apply(
      RESOURCES.pods,
      { metadata: { name, namespace: 'shop' }, status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] } },
      { force: true, subresource: 'status' },
    ),
  );
  return { namespace: 'shop', name, serviceAccount, uid: made.metadata.uid as string };
}

async function setSlice(
  endpoints: readonly { readonly ip: string; readonly pod: Pod | undefined; readonly terminating?: boolean }[],
): Promise<void> {
  const slice = {
    metadata: { name: 'reviews-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'reviews' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 9080 }],
    endpoints: endpoints.map(({ ip, pod, terminating = false }) => ({
      addresses: [ip],
      conditions: { ready: !terminating, serving: true, terminating },
      ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', namespace: 'shop', name: pod.name } }),
    })),
  };
  must(await api.client.apply(RESOURCES.endpointSlices, slice, { force: true }));
}

async function makeSidecar(name: string, port = plane.xdsPort): Promise<Sidecar> {
  const pod = await makePod(name, 'client', '10.1.1.1');
  return new Sidecar({
    port,
    token: await podToken(api.client, pod),
    roots,
    id: nodeId(name, 'shop'),
    metadata: {
      NAMESPACE: 'shop',
      SERVICE_ACCOUNT: 'client',
      LABELS: { app: 'client' },
      INTERCEPTION_MODE: 'REDIRECT',
    },
  });
}

function nodeId(pod: string, namespace: string): string {
  return `sidecar~10.1.1.1~${pod}.${namespace}~${namespace}.svc.cluster.local`;
}
