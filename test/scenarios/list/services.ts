// ServiceEntry, WorkloadEntry, Sidecar, exportTo, TCP routes of a sidecar, and the mesh's outbound policy.
import type { Feature, Scenario } from './scenario.ts';
import { destinationRule, routes, to, WEB_SUBSETS } from './yaml.ts';

function entry(name: string, spec: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}, namespace: default }\nspec: ${spec}\n---\n`;
}

const ONE =
  '{ hosts: [ext.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1, ports: { http: ${port:ext} } }] }';
const call = { via: 'forward', to: 'ext.example.com' } as const;

const ENTRIES: Feature = [
  {
    name: 'ServiceEntry: STATIC',
    proves: ['ServiceEntry.resolution', 'ServiceEntry.endpoints', 'ServiceEntry.hosts'],
    config: entry('ext', ONE),
    steps: [{ call, expect: { status: 200, backend: 'ext', authority: 'ext.example.com' } }],
  },
  {
    name: 'ServiceEntry: DNS of an endpoint',
    proves: ['ServiceEntry.resolution'],
    config: entry('ext', ONE.replace('STATIC', 'DNS').replace('address: 127.0.0.1', 'address: localhost')),
    steps: [{ call, expect: { status: 200, backend: 'ext' } }],
  },
  {
    name: 'ServiceEntry: DNS_ROUND_ROBIN',
    proves: ['ServiceEntry.resolution'],
    config: entry('ext', ONE.replace('STATIC', 'DNS_ROUND_ROBIN').replace('address: 127.0.0.1', 'address: localhost')),
    steps: [{ call, expect: { status: 200, backend: 'ext' } }],
  },
  {
    name: 'ServiceEntry: two hosts',
    proves: ['ServiceEntry.hosts'],
    config: entry('ext', ONE.replace('[ext.example.com]', '[ext.example.com, two.example.com]')),
    steps: [
      { call, expect: { status: 200, backend: 'ext' } },
      { call: { ...call, to: 'two.example.com' }, expect: { status: 200, backend: 'ext' } },
    ],
  },
  {
    name: 'ServiceEntry: targetPort',
    proves: ['ServiceEntry.ports.targetPort'],
    config: entry(
      'ext',
      '{ hosts: [ext.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port:ext} }], endpoints: [{ address: 127.0.0.1 }] }',
    ),
    steps: [{ call, expect: { status: 200, backend: 'ext' } }],
  },
  {
    name: 'ServiceEntry: endpoints with weights',
    proves: ['WorkloadEntry.weight'],
    config:
      entry(
        'ext',
        '{ hosts: [ext.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1, ports: { http: ${port:web-v1} }, weight: 1 }, { address: 127.0.0.1, ports: { http: ${port:web-v2} }, weight: 9 }] }',
      ) + destinationRule('ext.example.com', '{ loadBalancer: { simple: ROUND_ROBIN } }'),
    steps: [{ call, times: 40, spread: { 'web-v1': [2, 6], 'web-v2': [34, 38] } }],
  },
  {
    name: 'ServiceEntry: endpoints with labels and subsets',
    proves: ['WorkloadEntry.labels'],
    config:
      entry(
        'ext',
        '{ hosts: [ext.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1, ports: { http: ${port:web-v1} }, labels: { version: v1 } }, { address: 127.0.0.1, ports: { http: ${port:web-v2} }, labels: { version: v2 } }] }',
      ) +
      destinationRule('ext.example.com', '', ['v1', 'v2']) +
      routes(`{ ${to('ext.example.com', 'v2').replace('subset', 'port: { number: 80 }, subset')} }`),
    steps: [{ call: {}, times: 4, expect: { status: 200, backend: 'web-v2' } }],
  },
  {
    name: 'ServiceEntry: workloadSelector takes WorkloadEntries',
    proves: ['ServiceEntry.workloadSelector'],
    config: entry(
      'ext',
      '{ hosts: [ext.example.com], location: MESH_INTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], workloadSelector: { labels: { app: api } } }',
    ),
    steps: [{ call, times: 6, expect: { status: 200, backend: ['api-v1', 'api-v2'] } }],
  },
  {
    name: 'ServiceEntry: exportTo another namespace hides it',
    proves: ['ServiceEntry.exportTo'],
    config: entry('ext', ONE.replace('hosts:', 'exportTo: [elsewhere], hosts:')),
    mesh: 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }',
    steps: [{ call, expect: { status: 502, arrivals: 0 } }],
  },
  {
    name: 'ServiceEntry: exportTo everybody',
    proves: ['ServiceEntry.exportTo'],
    config: entry('ext', ONE.replace('hosts:', 'exportTo: ["*"], hosts:')),
    steps: [{ call, expect: { status: 200, backend: 'ext' } }],
  },
  {
    name: 'ServiceEntry: no endpoints is 503',
    proves: ['ServiceEntry.endpoints'],
    config: entry(
      'ext',
      '{ hosts: [ext.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }] }',
    ),
    steps: [{ call, expect: { status: 503, flag: 'UH' } }],
  },
  {
    name: 'ServiceEntry: a DestinationRule and a VirtualService on it',
    proves: ['ServiceEntry.hosts'],
    config:
      entry('ext', ONE) +
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ext, namespace: default }\nspec: { hosts: [ext.example.com], http: [{ match: [{ uri: { prefix: /old } }], rewrite: { uri: /new }, route: [{ destination: { host: ext.example.com } }] }] }\n',
    steps: [{ call: { ...call, path: '/old/a' }, expect: { status: 200, backend: 'ext', path: '/new/a' } }],
  },
];

const sidecar = (spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: s, namespace: default }\nspec: ${spec}\n---\n`;
const REGISTRY_ONLY = 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }';
const web = { via: 'forward', to: 'web.default:8000' } as const;
const SIDECARS: Feature = [
  {
    name: 'Sidecar: only hosts that egress names',
    proves: ['Sidecar.egress.hosts'],
    config: sidecar('{ egress: [{ hosts: ["./api.default.svc.cluster.local"] }] }'),
    mesh: REGISTRY_ONLY,
    steps: [
      { call: { ...web, to: 'api.default:8000' }, expect: { status: 200 } },
      { call: web, expect: { status: 502 } },
    ],
  },
  {
    name: 'Sidecar: all of the namespace',
    proves: ['Sidecar.egress.hosts'],
    config: sidecar('{ egress: [{ hosts: ["./*"] }] }'),
    mesh: REGISTRY_ONLY,
    steps: [{ call: web, expect: { status: 200 } }],
  },
  {
    name: 'Sidecar: nothing',
    proves: ['Sidecar.egress.hosts'],
    config: sidecar('{ egress: [{ hosts: ["~/*"] }] }'),
    mesh: REGISTRY_ONLY,
    steps: [{ call: web, expect: { status: 502 } }],
  },
  {
    name: 'Sidecar: its own outboundTrafficPolicy',
    proves: ['Sidecar.outboundTrafficPolicy.mode'],
    config: sidecar('{ egress: [{ hosts: ["~/*"] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY } }'),
    steps: [{ call: web, expect: { status: 502 } }],
  },
  {
    name: 'Sidecar: a selector that is not ours',
    proves: ['Sidecar.workloadSelector'],
    config: sidecar('{ workloadSelector: { labels: { app: other } }, egress: [{ hosts: ["~/*"] }] }'),
    mesh: REGISTRY_ONLY,
    steps: [{ call: web, expect: { status: 200 } }],
  },
  {
    name: 'Sidecar: a selector that is',
    proves: ['Sidecar.workloadSelector'],
    config: sidecar('{ workloadSelector: { labels: { app: client } }, egress: [{ hosts: ["~/*"] }] }'),
    mesh: REGISTRY_ONLY,
    steps: [{ call: web, expect: { status: 502 } }],
  },
  {
    name: 'outboundTrafficPolicy: REGISTRY_ONLY refuses unknown hosts',
    proves: ['MeshConfig.outboundTrafficPolicy.mode'],
    config: '',
    mesh: REGISTRY_ONLY,
    steps: [{ call, expect: { status: 502, arrivals: 0 } }],
  },
];

const TCP_SUBSETS = destinationRule('db', '', ['v1', 'v2']);
const tcp = (name: string, proves: string, rules: string, ...steps: Scenario['steps']): Scenario => ({
  name: `TCP: ${name}`,
  proves: [proves],
  config: `${TCP_SUBSETS}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: db, namespace: default }\nspec: { hosts: [db], tcp: [${rules}] }\n`,
  steps,
});
const hello = { to: 'db:9000', tcp: 'hello' } as const;
const TCP: Feature = [
  {
    name: 'TCP: a service without rules',
    proves: ['Service.spec.ports'],
    config: '',
    steps: [{ call: hello, times: 24, together: 4, different: 2, expect: { body: /^db-v[12]:hello$/ } }],
  },
  tcp(
    'a subset',
    'VirtualService.tcp.route.destination.subset',
    '{ route: [{ destination: { host: db, subset: v2 } }] }',
    { call: hello, times: 4, expect: { body: 'db-v2:hello' } },
  ),
  tcp(
    'weights',
    'VirtualService.tcp.route.weight',
    '{ route: [{ destination: { host: db, subset: v1 }, weight: 100 }, { destination: { host: db, subset: v2 }, weight: 0 }] }',
    { call: hello, times: 4, expect: { body: 'db-v1:hello' } },
  ),
  tcp(
    'a port',
    'VirtualService.tcp.match.port',
    '{ match: [{ port: 9000 }], route: [{ destination: { host: db, subset: v2 } }] }',
    { call: hello, expect: { body: 'db-v2:hello' } },
  ),
  tcp(
    'another port does not match',
    'VirtualService.tcp.match.port',
    '{ match: [{ port: 1 }], route: [{ destination: { host: db, subset: v2 } }] }',
    { call: hello, times: 24, together: 4, different: 2 },
  ),
  tcp(
    'source labels',
    'VirtualService.tcp.match.sourceLabels',
    '{ match: [{ sourceLabels: { app: client } }], route: [{ destination: { host: db, subset: v2 } }] }, { route: [{ destination: { host: db, subset: v1 } }] }',
    { call: hello, times: 3, expect: { body: 'db-v2:hello' } },
  ),
  tcp(
    'somebody else’s labels',
    'VirtualService.tcp.match.sourceLabels',
    '{ match: [{ sourceLabels: { app: other } }], route: [{ destination: { host: db, subset: v2 } }] }, { route: [{ destination: { host: db, subset: v1 } }] }',
    { call: hello, times: 3, expect: { body: 'db-v1:hello' } },
  ),
  {
    name: 'HTTP/2 by the port’s protocol',
    proves: ['Service.spec.ports.name'],
    config: '',
    steps: [{ call: { to: 'rpc:7000', h2: true }, expect: { status: 200, backend: 'api-v1', protocol: '2.0' } }],
  },
  {
    name: 'exportTo: a VirtualService of this namespace only',
    proves: ['VirtualService.exportTo'],
    config: WEB_SUBSETS + routes(`{ ${to('web', 'v3')} }`).replace('  http:', '  exportTo: ["."]\n  http:'),
    steps: [{ call: {}, times: 3, expect: { status: 200, backend: 'web-v3' } }],
  },
  {
    name: 'exportTo: a VirtualService for another namespace',
    proves: ['VirtualService.exportTo'],
    config: WEB_SUBSETS + routes(`{ ${to('web', 'v3')} }`).replace('  http:', '  exportTo: [elsewhere]\n  http:'),
    steps: [{ call: {}, times: 60, together: 5, different: 3 }],
  },
];

export const feature: Feature = [...ENTRIES, ...SIDECARS, ...TCP];
