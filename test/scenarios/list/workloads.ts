// What a ServiceEntry and its WorkloadEntries say of the workloads behind a host: identities, virtual addresses.
import type { Feature, Scenario } from './scenario.ts';
import { policy } from './server-calls.ts';
import { destinationRule } from './yaml.ts';

const HOST = 'vm.example.com';
const STRICT = policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }');
const MUTUAL = destinationRule(HOST, '{ tls: { mode: ISTIO_MUTUAL } }');
/** The server's sidecar, under another name. */
const SERVER = 'address: 127.0.0.1, ports: { http: ${own:server-8000} }';
const entry = (name: string, spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}, namespace: default }\nspec: ${spec}\n---\n`;
const ENTRY = (more: string): string =>
  entry(
    'vm',
    `{ hosts: [${HOST}], location: MESH_INTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], ${more} }`,
  );

function identity(account: string, listed: boolean, status: 200 | 503): Scenario {
  const spec = `{ ${SERVER}, labels: { app: vm }, serviceAccount: ${account} }`;
  const config = listed
    ? ENTRY(`endpoints: [${spec}]`)
    : `${ENTRY('workloadSelector: { labels: { app: vm } }')}apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: vm-1, namespace: default }\nspec: ${spec}\n---\n`;
  const kind = listed ? 'ServiceEntry.endpoints' : 'WorkloadEntry';
  return {
    name: `${kind}: serviceAccount: ${status === 200 ? 'the one that answers' : 'somebody else answers'}`,
    proves: [`${kind}.serviceAccount`],
    config: STRICT + config + MUTUAL,
    steps: [
      {
        call: { via: 'forward', to: HOST },
        expect: status === 200 ? { status, backend: 'server' } : { status, arrivals: 0 },
      },
    ],
  };
}

export const feature: Feature = [
  identity('server', true, 200),
  identity('impostor', true, 503),
  identity('server', false, 200),
  identity('impostor', false, 503),
  {
    name: 'ServiceEntry: asked by its virtual address',
    proves: ['ServiceEntry.addresses'],
    config: entry(
      'ext',
      '{ hosts: [ext.example.com], addresses: [240.1.2.3], location: MESH_EXTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1, ports: { http: ${port:ext} } }] }',
    ),
    mesh: 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }',
    steps: [
      { call: { via: 'forward', to: '240.1.2.3' }, expect: { status: 200, backend: 'ext' } },
      { call: { via: 'forward', to: '240.1.2.4' }, expect: { status: 502, arrivals: 0 } },
    ],
  },
];
