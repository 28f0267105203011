import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KIND_FORCE } from '../model/force.ts';
import { KIND_NAMES, KINDS, type KindInfo, type KindName, SCHEMAS } from '../model/kinds.ts';
import { manifestOf } from '../model/manifest.ts';
import { type Shape, shapeOf } from '../model/shape.ts';
import { parseManifest } from '../parse/parse-manifest.ts';
import { parseText } from '../parse/parse-text.ts';

function manifest(kind: KindName, body: unknown): Record<string, unknown> {
  const info: KindInfo = KINDS[kind];
  const apiVersion = info.group === '' ? info.versions[0] : `${info.group}/${info.versions[0]}`;
  const head = {
    apiVersion,
    kind: info.manifest,
    metadata: { name: 'a', ...(info.namespaced ? { namespace: 'default' } : {}) },
  };
  return info.body === 'spec' ? { ...head, spec: body } : { ...head, ...(body as object) };
}

/** Codes and paths that a spec, written as YAML, is complained about with. */
function complaints(kind: KindName, spec: string): string[] {
  const { group, versions, manifest: name } = KINDS[kind] as KindInfo;
  const text = `apiVersion: ${group === '' ? '' : `${group}/`}${versions[0]}\nkind: ${name}\nmetadata: {name: a}\nspec: ${spec}\n`;
  return parseText('f', text).flatMap((d) => d.complaints.map((c) => `${c.code} ${c.path.replace(/^spec\.?/, '')}`));
}

const R = 'route: [{destination: {host: a}}]';
const CASES: readonly (readonly [KindName, string, readonly string[]])[] = [
  ['VirtualService', '{hosts: [a]}', ['TS-CFG-0109 ']],
  ['VirtualService', `{hosts: ["*"], http: [{${R}}]}`, ['TS-CFG-0303 hosts[0]']],
  ['VirtualService', `{hosts: ["*"], gateways: [g], http: [{${R}}]}`, []],
  ['VirtualService', `{hosts: ["*.com", a.com], gateways: [g], http: [{${R}}]}`, ['TS-CFG-0302 hosts[1]']],
  ['VirtualService', `{hosts: [a b], http: [{${R}}]}`, ['TS-CFG-0301 hosts[0]']],
  ['VirtualService', `{gateways: [g], http: [{${R}}]}`, ['TS-CFG-0314 gateways']],
  ['VirtualService', '{hosts: [a], http: [{name: x}]}', ['TS-CFG-0313 http[0]']],
  ['VirtualService', `{hosts: [a], http: [{${R}, redirect: {uri: /b}}]}`, ['TS-CFG-0313 http[0].redirect']],
  [
    'VirtualService',
    '{hosts: [a], http: [{redirect: {uri: /b, redirectCode: 200, scheme: ftp}}]}',
    ['TS-CFG-0309 http[0].redirect.redirectCode', 'TS-CFG-0309 http[0].redirect.scheme'],
  ],
  [
    'VirtualService',
    '{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}',
    ['TS-CFG-0304 http[0].route'],
  ],
  [
    'VirtualService',
    '{hosts: [a], http: [{route: [{destination: {host: "*"}}]}]}',
    ['TS-CFG-0303 http[0].route[0].destination.host'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, headers: {request: {set: {":path": x, x-a: "%%", x-b: "5%"}}}}]}`,
    ['TS-CFG-0307 http[0].headers.request.set[":path"]', 'TS-CFG-0308 http[0].headers.request.set.x-b'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, rewrite: {authority: b}, headers: {request: {set: {host: x}}}}]}`,
    ['TS-CFG-0307 http[0].headers'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, retries: {attempts: 0, retryOn: 5xx}}]}`,
    ['TS-CFG-0311 http[0].retries.attempts'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, retries: {attempts: 1, retryOn: "5xx,503,sometimes"}}]}`,
    ['TS-CFG-0311 http[0].retries.retryOn'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, mirror: {host: b}, mirrors: [{destination: {host: c}}]}]}`,
    ['TS-CFG-0315 http[0].mirrors'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, corsPolicy: {allowMethods: [GO], maxAge: 500ms}}]}`,
    ['TS-CFG-0316 http[0].corsPolicy.allowMethods[0]', 'TS-CFG-0316 http[0].corsPolicy.maxAge'],
  ],
  ['VirtualService', `{hosts: [a], http: [{${R}, rewrite: {}}]}`, ['TS-CFG-0310 http[0].rewrite']],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, match: [{headers: {"x y": {exact: a}}}]}]}`,
    ['TS-CFG-0307 http[0].match[0].headers["x y"]'],
  ],
  [
    'VirtualService',
    `{hosts: [a], http: [{${R}, match: [{uri: {prefix: ""}}]}]}`,
    ['TS-CFG-0339 http[0].match[0].uri.prefix'],
  ],
  [
    'VirtualService',
    `{hosts: [a.com], tls: [{match: [{sniHosts: [b.com]}], ${R}}]}`,
    ['TS-CFG-0317 tls[0].match[0].sniHosts[0]'],
  ],
  [
    'VirtualService',
    `{hosts: [a], tcp: [{match: [{destinationSubnets: [10.0.0.0/99]}], ${R}}]}`,
    ['TS-CFG-0325 tcp[0].match[0].destinationSubnets[0]'],
  ],
  ['VirtualService', `{hosts: [a], exportTo: ["*", b], http: [{${R}}]}`, ['TS-CFG-0318 exportTo']],
  ['DestinationRule', '{host: a, subsets: [{name: v1}, {name: v1}]}', ['TS-CFG-0302 subsets[1].name']],
  ['DestinationRule', '{host: a, subsets: [{name: V_1}]}', ['TS-CFG-0337 subsets[0].name']],
  ['DestinationRule', '{host: a, trafficPolicy: {}}', ['TS-CFG-0336 trafficPolicy']],
  ['DestinationRule', '{host: a, trafficPolicy: {tls: {mode: MUTUAL}}}', ['TS-CFG-0321 trafficPolicy.tls']],
  [
    'DestinationRule',
    '{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, privateKey: k}}}',
    ['TS-CFG-0321 trafficPolicy.tls.privateKey'],
  ],
  [
    'DestinationRule',
    '{host: a, trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 1}}}',
    ['TS-CFG-0323 trafficPolicy.outlierDetection.consecutiveLocalOriginFailures'],
  ],
  [
    'DestinationRule',
    '{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 10}}}}}',
    ['TS-CFG-0324 trafficPolicy.loadBalancer.consistentHash.maglev.tableSize'],
  ],
  [
    'DestinationRule',
    '{host: a, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}}}',
    ['TS-CFG-0322 trafficPolicy.connectionPool.http.useClientProtocol'],
  ],
  [
    'DestinationRule',
    '{host: a, trafficPolicy: {tunnel: {protocol: connect, targetHost: "https://a.b:443", targetPort: 443}}}',
    ['TS-CFG-0322 trafficPolicy.tunnel.protocol', 'TS-CFG-0322 trafficPolicy.tunnel.targetHost'],
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.b]}]}',
    ['TS-CFG-0335 servers[0].tls'],
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.b], tls: {mode: SIMPLE, credentialName: c}}]}',
    ['TS-CFG-0335 servers[0].tls'],
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.b], tls: {httpsRedirect: true}}]}',
    [],
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.b], tls: {mode: MUTUAL, serverCertificate: c, privateKey: k}}]}',
    ['TS-CFG-0321 servers[0].tls'],
  ],
  [
    'Gateway',
    '{servers: [{port: {number: 1, name: a, protocol: TCP}, hosts: ["x/y/z"]}, {port: {number: 2, name: a, protocol: TPC}, hosts: ["*"]}]}',
    ['TS-CFG-0301 servers[0].hosts[0]', 'TS-CFG-0334 servers[1].port.protocol', 'TS-CFG-0302 servers[1].port.name'],
  ],
  ['ServiceEntry', '{hosts: ["*"], ports: [{number: 80, name: http}]}', ['TS-CFG-0303 hosts[0]']],
  [
    'ServiceEntry',
    '{hosts: [a.b], resolution: STATIC, endpoints: [{address: x.y}]}',
    ['TS-CFG-0326 endpoints[0].address'],
  ],
  ['ServiceEntry', '{hosts: [a.b], endpoints: [{address: 1.2.3.4}]}', ['TS-CFG-0326 endpoints']],
  ['ServiceEntry', '{hosts: [a.b], resolution: DNS, addresses: [10.0.0.0/8]}', ['TS-CFG-0326 addresses[0]']],
  ['WorkloadEntry', '{labels: {a: b}}', ['TS-CFG-0103 address']],
  [
    'WorkloadGroup',
    '{template: {}, probe: {exec: {command: [a]}, tcpSocket: {port: 1}}}',
    ['TS-CFG-0201 probe', 'TS-CFG-0108 probe.exec'],
  ],
  ['Sidecar', '{}', ['TS-CFG-0336 ']],
  ['Sidecar', '{egress: [{hosts: [a]}]}', ['TS-CFG-0301 egress[0].hosts[0]']],
  [
    'Sidecar',
    '{egress: [{hosts: ["*/*"]}, {port: {number: 1, protocol: TCP, name: x}, hosts: ["./*"]}]}',
    ['TS-CFG-0327 egress[0]'],
  ],
  [
    'Sidecar',
    '{ingress: [{port: {number: 80, protocol: HTTP, name: x}, defaultEndpoint: "10.0.0.1:80"}]}',
    ['TS-CFG-0327 ingress[0].defaultEndpoint'],
  ],
  ['PeerAuthentication', '{portLevelMtls: {80: {mode: STRICT}}}', ['TS-CFG-0331 portLevelMtls']],
  ['PeerAuthentication', '{selector: {matchLabels: {a: b}}, portLevelMtls: {80: {mode: STRICT}}}', []],
  ['PeerAuthentication', '{selector: {matchLabels: {a: "*"}}}', ['TS-CFG-0319 selector.matchLabels.a']],
  ['AuthorizationPolicy', '{action: DENY}', ['TS-CFG-0328 ']],
  ['AuthorizationPolicy', '{}', ['TS-CFG-0403 ']],
  ['AuthorizationPolicy', '{rules: [{from: [{source: {}}]}]}', ['TS-CFG-0328 rules[0].from[0].source']],
  ['AuthorizationPolicy', '{rules: [{from: []}]}', ['TS-CFG-0105 rules[0].from']],
  [
    'AuthorizationPolicy',
    '{rules: [{from: [{source: {ipBlocks: [1.2.3]}}]}]}',
    ['TS-CFG-0325 rules[0].from[0].source.ipBlocks[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{from: [{source: {notRemoteIpBlocks: ["::ffff:10.0.0.0/104", "0:0::FFFF:0:0/64", "::/0", "::ffff:0:0"]}}]}]}',
    ['TS-CFG-0412 rules[0].from[0].source.notRemoteIpBlocks[1]'],
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{when: [{key: source.ip, values: ["::ffff:1.2.3.4/95"]}]}]}',
    ['TS-CFG-0412 rules[0].when[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{to: [{operation: {paths: ["/a/{**}/b/{*}", "/{*}/b", "/a/{**}/b"]}}]}]}',
    ['TS-CFG-0330 rules[0].to[0].operation.paths[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{when: [{key: source.ip, values: [x]}, {key: nonsense, values: [a]}]}]}',
    ['TS-CFG-0329 rules[0].when[0]', 'TS-CFG-0329 rules[0].when[1].key'],
  ],
  ['AuthorizationPolicy', '{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}', ['TS-CFG-0404 rules[0]']],
  ['AuthorizationPolicy', '{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ["80"]}}]}]}', []],
  ['AuthorizationPolicy', '{action: DENY, rules: [{from: [{source: {principals: [a]}}]}, {}]}', []],
  [
    'AuthorizationPolicy',
    '{action: DENY, rules: [{to: [{operation: {ports: ["1"]}}, {operation: {paths: [/a]}}]}]}',
    ['TS-CFG-0404 rules[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{action: DENY, rules: [{when: [{key: "request.headers[x]", values: [a]}]}]}',
    ['TS-CFG-0404 rules[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{rules: [{to: [{operation: {methods: [get, GET, purge], notMethods: [Post]}}]}]}',
    ['TS-CFG-0412 rules[0].to[0].operation.methods[0]', 'TS-CFG-0412 rules[0].to[0].operation.notMethods[0]'],
  ],
  [
    'AuthorizationPolicy',
    '{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {principals: [a]}}]}]}',
    ['TS-CFG-0328 rules[0].from[0].source.principals'],
  ],
  ['Service', '{ports: [{port: 1}, {port: 2}]}', ['TS-CFG-0340 ports[0]', 'TS-CFG-0340 ports[1]']],
];

describe('Istio’s rules', () => {
  for (const [kind, spec, expected] of CASES) {
    it(`${expected.length === 0 ? 'accept' : 'complain about'} a ${kind} ${spec}`, () =>
      assert.deepEqual(complaints(kind, spec), expected));
  }
});

describe('a DENY rule with HTTP fields', () => {
  const said = (rule: string): string[] =>
    parseText(
      'f',
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: {action: DENY, rules: [${rule}]}\n`,
    ).flatMap(({ complaints: all }) => all.map(({ code, message }) => `${code} ${message}`));
  const denies = (what: string): string[] => [
    `TS-CFG-0404 HTTP fields of a DENY rule do not count on TCP ports: there this one denies ${what}.`,
  ];
  const GET = 'to: [{operation: {methods: [GET]}}]';
  it('is told that it denies everything on TCP ports where nothing else is asked', () => {
    for (const rule of [
      GET,
      `${GET}, from: [{source: {requestPrincipals: [a]}}, {source: {principals: [b]}}]`,
      `${GET}, when: [{key: "request.auth.claims[a]", values: [b]}]`,
    ])
      assert.deepEqual(said(`{${rule}}`), denies('everything'), rule);
  });
  it('is told what is left of it on TCP ports', () => {
    for (const rule of [
      `${GET}, from: [{source: {notPrincipals: [a/ns/b/sa/c]}}]`,
      `${GET}, when: [{key: source.ip, values: [1.2.3.4]}]`,
      'from: [{source: {namespaces: [a], requestPrincipals: [b]}}]',
    ])
      assert.deepEqual(said(`{${rule}}`), denies('all that its other fields match, whatever the request'), rule);
  });
  it('is fine where it names its ports', () => {
    assert.deepEqual(said(`{${GET}, when: [{key: destination.port, values: ["80"]}]}`), []);
  });
});

const INTERESTING = fc.constantFrom(
  '',
  '*',
  'a',
  'a.b',
  '*.a.b',
  'a/b',
  '1.2.3.4',
  '::1',
  '10.0.0.0/8',
  'unix:///a',
  '5s',
  '0s',
  'HTTP',
  'TLS',
  'x_y',
  '{*}',
  '/a/{**}',
  '%',
  ':path',
  'host',
  '.',
  '~',
);

/** Values of a shape's form, legal or not. */
function arbitraryOf(shape: Shape, depth = 0): fc.Arbitrary<unknown> {
  if (shape.properties !== undefined) {
    if (depth > 6) return fc.constant({});
    const fields = Object.entries(shape.properties).map(
      ([name, child]) => [name, arbitraryOf(child, depth + 1)] as const,
    );
    return fc
      .record(Object.fromEntries(fields), { requiredKeys: [...(shape.required ?? [])] })
      .map((record) => thin(record, shape));
  }
  if (shape.items !== undefined)
    return fc.array(arbitraryOf(shape.items, depth + 1), { minLength: shape.minItems ?? 0, maxLength: 2 });
  if (shape.additionalProperties !== undefined)
    return fc.dictionary(
      fc.constantFrom('a', '80', 'x-y', '@request.auth.claims.a'),
      arbitraryOf(shape.additionalProperties, depth + 1),
      { maxKeys: 2 },
    );
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
  if (shape.format === 'duration') return fc.constantFrom('1s', '1500ms', '1h');
  if (shape.format === 're2') return fc.constantFrom('a', 'a.*', '(a|b)+');
  if (shape.format === 'byte') return fc.constant('YQ==');
  if (shape.type === 'string') return INTERESTING;
  if (shape.type === 'boolean') return fc.boolean();
  if (shape.type === 'integer' || shape.type === 'number')
    return fc.integer({ min: shape.minimum ?? 0, max: Math.min(shape.maximum ?? 1000, (shape.minimum ?? 0) + 1000) });
  return fc.constant({});
}

/** Keeps one field of each choice. */
function thin(record: Record<string, unknown>, shape: Shape): Record<string, unknown> {
  const result = { ...record };
  for (const { fields } of shape.choices ?? [])
    for (const field of fields.filter((f) => Object.hasOwn(result, f)).slice(1)) delete result[field];
  return result;
}

describe('any object of the right form', () => {
  for (const kind of KIND_NAMES.filter((k) => KIND_FORCE[k] !== 'refused')) {
    it(`of kind ${kind} is judged without an exception, and an accepted one survives the way to a manifest and back`, () => {
      fc.assert(
        fc.property(arbitraryOf(shapeOf(SCHEMAS[kind])), (spec) => {
          const { object, complaints: found } = parseManifest(manifest(kind, spec));
          if (object === undefined) return assert.ok(found.some((c) => c.severity === 'error'));
          assert.deepEqual(parseManifest(manifestOf(object)).object, object);
        }),
        { numRuns: 60 },
      );
    });
  }
});
