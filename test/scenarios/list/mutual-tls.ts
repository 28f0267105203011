// PeerAuthentication at a server's sidecar, over real handshakes.
import type { Feature, Scenario } from './scenario.ts';
import { ALPN, as, DENIED, FRIEND, OK, plain, policy, SELECT } from './server-calls.ts';

function mtls(name: string, spec: string, tls: boolean, clear: boolean, namespace = 'default', more = ''): Scenario {
  return {
    name: `mTLS: ${name}`,
    proves: ['mtls', 'selector', 'portLevelMtls']
      .filter((field) => `${spec}${more}`.includes(`${field}: {`))
      .map((field) => `PeerAuthentication.${field}`),
    config: policy('modes', 'PeerAuthentication', spec, namespace) + more,
    steps: [
      { call: as(FRIEND), expect: tls ? OK : { refused: true } },
      { call: plain(), expect: clear ? OK : { refused: true } },
    ],
  };
}

const MODES: Feature = [
  mtls('PERMISSIVE takes both', '{ mtls: { mode: PERMISSIVE } }', true, true),
  mtls('STRICT takes no plaintext', '{ mtls: { mode: STRICT } }', true, false),
  mtls('DISABLE takes no TLS', '{ mtls: { mode: DISABLE } }', false, true),
  mtls('UNSET is PERMISSIVE without a parent', '{ mtls: { mode: UNSET } }', true, true),
  mtls('STRICT of the mesh', '{ mtls: { mode: STRICT } }', true, false, 'istio-system'),
  mtls(
    'the namespace wins over the mesh',
    '{ mtls: { mode: STRICT } }',
    true,
    true,
    'istio-system',
    policy('ns', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }'),
  ),
  mtls(
    'the workload wins over the namespace',
    '{ mtls: { mode: STRICT } }',
    true,
    true,
    'default',
    policy('w', 'PeerAuthentication', `{ ${SELECT}, mtls: { mode: PERMISSIVE } }`),
  ),
  mtls(
    'UNSET of a workload inherits',
    '{ mtls: { mode: STRICT } }',
    true,
    false,
    'default',
    policy('w', 'PeerAuthentication', `{ ${SELECT}, mtls: { mode: UNSET } }`),
  ),
  mtls(
    'a selector that is not ours does nothing',
    '{ selector: { matchLabels: { app: other } }, mtls: { mode: STRICT } }',
    true,
    true,
  ),
  mtls(
    'portLevelMtls opens a port',
    `{ ${SELECT}, mtls: { mode: STRICT }, portLevelMtls: { "8000": { mode: PERMISSIVE } } }`,
    true,
    true,
  ),
  mtls(
    'portLevelMtls closes a port',
    `{ ${SELECT}, mtls: { mode: PERMISSIVE }, portLevelMtls: { "8000": { mode: STRICT } } }`,
    true,
    false,
  ),
  {
    name: 'mTLS: a certificate that nobody signed is refused',
    proves: ['PeerAuthentication.mtls.mode'],
    config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }'),
    steps: [
      { call: { via: 'server', tls: { identity: FRIEND, stranger: true, alpn: ALPN } }, expect: { refused: true } },
    ],
  },
  {
    name: 'mTLS: no certificate is refused',
    proves: ['PeerAuthentication.mtls.mode'],
    config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }'),
    steps: [{ call: { via: 'server', tls: { alpn: ALPN } }, expect: { refused: true } }],
  },
  {
    name: 'mTLS: the application learns who called',
    proves: ['PeerAuthentication.mtls.mode'],
    config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }'),
    steps: [
      {
        call: as(FRIEND),
        expect: {
          ...OK,
          upstream: {
            'x-forwarded-client-cert':
              /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/server;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client$/,
          },
        },
      },
    ],
  },
  {
    name: 'mTLS: the client’s sidecar speaks it by itself, and the server sees whose it is',
    proves: ['MeshConfig.enableAutoMtls'],
    config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }'),
    steps: [
      {
        call: { to: 'server:8000' },
        expect: {
          ...OK,
          upstream: { 'x-forwarded-client-cert': /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client/ },
        },
      },
    ],
  },
  {
    name: 'mTLS: DestinationRule DISABLE against STRICT fails',
    proves: ['DestinationRule.trafficPolicy.tls.mode'],
    config:
      policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }') +
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: server, namespace: default }\nspec: { host: server, trafficPolicy: { tls: { mode: DISABLE } } }\n',
    steps: [{ call: { to: 'server:8000' }, expect: { status: 503 } }],
  },
  {
    name: 'mTLS: DestinationRule ISTIO_MUTUAL',
    proves: ['DestinationRule.trafficPolicy.tls.mode'],
    config:
      policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }') +
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: server, namespace: default }\nspec: { host: server, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }\n',
    steps: [{ call: { to: 'server:8000' }, expect: OK }],
  },
];

const ours = (domain: string, path = 'ns/default/sa/client') => as(`spiffe://${domain}/${path}`);
const TRUST_DOMAINS: Feature = [
  {
    name: 'mTLS: the trust domain and its aliases are ours, and cluster.local of a policy means them',
    proves: ['MeshConfig.trustDomain', 'MeshConfig.trustDomainAliases', 'PeerAuthentication.mtls.mode'],
    mesh: 'trustDomain: example.org\ntrustDomainAliases: [old.example]\n',
    config:
      policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }') +
      policy(
        'friends',
        'AuthorizationPolicy',
        `{ ${SELECT}, rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/client, example.org/ns/other/sa/caller] } }] }] }`,
      ),
    steps: [
      { call: ours('example.org'), expect: OK },
      { call: ours('old.example'), expect: OK },
      { call: ours('old.example', 'ns/other/sa/caller'), expect: OK },
      { call: ours('example.org', 'ns/other/sa/client'), expect: DENIED },
      { call: ours('cluster.local'), expect: { refused: true } },
      { call: ours('other.example'), expect: { refused: true } },
    ],
  },
];

const settings = (name: string, field: string, mesh: string, ...steps: Scenario['steps']): Scenario => ({
  name: `mTLS: ${name}`,
  proves: [`MeshConfig.${field}`],
  config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: STRICT } }'),
  mesh,
  steps,
});
const sni = 'outbound_.8000_._.server.default.svc.cluster.local';
const old = { identity: FRIEND, alpn: ALPN, sni, maxVersion: 'TLSv1.2' } as const;
const SETTINGS: Feature = [
  settings('TLS 1.2 is taken', 'meshMTLS.minProtocolVersion', '', { call: as(FRIEND, { tls: old }), expect: OK }),
  settings(
    'meshMTLS: not below the least version',
    'meshMTLS.minProtocolVersion',
    'meshMTLS: { minProtocolVersion: TLSV1_3 }\n',
    { call: as(FRIEND), expect: OK },
    { call: as(FRIEND, { tls: old }), expect: { refused: true } },
    { call: { to: 'server:8000' }, expect: OK },
  ),
  settings(
    'meshMTLS: the suites of TLS 1.2',
    'meshMTLS.cipherSuites',
    'meshMTLS: { cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384] }\n',
    { call: as(FRIEND, { tls: { ...old, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' } }), expect: OK },
    { call: as(FRIEND, { tls: { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } }), expect: { refused: true } },
  ),
];

export const feature: Feature = [...MODES, ...TRUST_DOMAINS, ...SETTINGS];
