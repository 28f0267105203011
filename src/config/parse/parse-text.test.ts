import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KIND_NAMES, KINDS, SCHEMAS } from '../model/kinds.ts';
import type { VirtualServiceSpec } from '../model/virtual-service.ts';
import { MAX_VALUES } from '../limits.ts';
import { parseText, type ParsedDocument } from './parse-text.ts';

const SEED = new URL('../../../examples/seed/', import.meta.url);
const one = (text: string): ParsedDocument => {
  const [document] = parseText('a.yaml', text);
  assert.ok(document);
  return document;
};
const codes = (document: ParsedDocument): string[] => document.complaints.map((c) => `${c.code} ${c.path}`);
const virtualService = (spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: a\nspec:\n${spec.replace(/^/gm, '  ')}\n`;
const ROUTE = 'hosts: [a]\nhttp:\n- route:\n  - destination: {host: a}\n';

describe('the seed documents', () => {
  for (const name of readdirSync(SEED).sort()) {
    const text = readFileSync(new URL(name, SEED), 'utf8');
    if (name.startsWith('10-')) {
      it(`${name} is recognised and left to the installer`, () =>
        assert.deepEqual(codes(one(text)), ['TS-CFG-0014 kind']));
    } else {
      it(`${name} is accepted as it is`, () => {
        for (const document of parseText(name, text)) {
          assert.ok(document.object, JSON.stringify(document.complaints));
          const expected = name.startsWith('01-') && document.kind === 'DestinationRule' ? ['TS-CFG-0112'] : [];
          assert.deepEqual(
            document.complaints.map((c) => c.code),
            expected,
          );
        }
      });
    }
  }

  it('names the modern fields of consecutiveErrors', () => {
    const documents = parseText('01', readFileSync(new URL('01-canary-mobile.yaml', SEED), 'utf8'));
    const [complaint] = documents.flatMap((d) => d.complaints);
    assert.equal(complaint?.line, 41);
    assert.match(complaint?.message ?? '', /consecutiveGatewayErrors.*consecutive5xxErrors/);
  });
});

describe('a complaint', () => {
  it('says which bracket is not closed, at its line of the file', () => {
    const broken = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  hosts: [hello\n  http:\n  - a\n';
    const told = (text: string): string[] =>
      parseText('a.yaml', text).flatMap(({ complaints }) =>
        complaints.map(({ code, line, message }) => `${code} ${line}: ${message}`),
      );
    assert.match(told(broken).join('\n'), /^TS-CFG-0001 6: .*; `\[` opened at 5:10 is not closed/);
    const before = 'apiVersion: v1\nkind: Service\nmetadata: { name: b }\nspec: {}\n---\n';
    assert.match(told(before + broken).join('\n'), /TS-CFG-0001 11: .*; `\[` opened at 10:10 is not closed/);
    assert.doesNotMatch(told('a: b: c\n').join('\n'), /not closed/);
  });
  it('says which values are expected', () => {
    const text =
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: STRIKT}}\n';
    assert.match(one(text).complaints[0]?.message ?? '', /Did you mean `STRICT`\? Expected: .*PERMISSIVE, STRICT/);
  });

  it('says which versions are served', () => {
    const [complaint] = one(virtualService(ROUTE).replace('istio.io/v1', 'istio.io/v7')).complaints;
    assert.match(
      complaint?.message ?? '',
      /not served as networking\.istio\.io\/v7\. Expected: networking\.istio\.io\/v1,/,
    );
  });

  it('refuses bytes that are not UTF-8, and keeps whose they were', () => {
    const latin1 = Buffer.concat([Buffer.from(`${virtualService(ROUTE)}# caf`), Buffer.from([0xe9, 0x0a])]);
    const document = one(latin1.toString());
    assert.deepEqual(codes(document), ['TS-CFG-0016 ']);
    assert.equal(document.object, undefined);
    assert.equal(document.key, 'VirtualService/default/a');
    assert.equal(document.complaints[0]?.column, 6);
  });

  it('has file, line, column, path and the nearest known name', () => {
    const document = one(virtualService('hosts: [a]\nhttp:\n- rout:\n  - destination: {host: a}\n'));
    const [complaint] = document.complaints;
    assert.deepEqual(
      {
        file: complaint?.file,
        line: complaint?.line,
        column: complaint?.column,
        path: complaint?.path,
        nearest: complaint?.nearest,
        object: complaint?.object,
      },
      {
        file: 'a.yaml',
        line: 8,
        column: 5,
        path: 'spec.http[0].rout',
        nearest: 'route',
        object: 'VirtualService default/a',
      },
    );
  });

  it('counts lines from the beginning of the file, in any document and in Lists', () => {
    const list =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: security.istio.io/v1\n  kind: PeerAuthentication\n  metadata: {name: p}\n  spec: {mtls: {mode: STRIKT}}\n';
    const [, document] = parseText('a.yaml', `# first\n${virtualService(ROUTE)}---\n${list}`);
    assert.deepEqual(
      document?.complaints.map((c) => [c.line, c.nearest]),
      [[19, 'STRICT']],
    );
  });

  it('leaves the other documents of the file alone', () => {
    const [good, bad, other] = parseText(
      'a.yaml',
      `${virtualService(ROUTE)}---\na: [1\nb: }\n---\n${virtualService(ROUTE)}`,
    );
    assert.ok(good?.object);
    assert.deepEqual(
      bad?.complaints.map((c) => c.code),
      ['TS-CFG-0001'],
    );
    assert.ok(other?.object);
  });
});

describe('a value', () => {
  const cases: readonly (readonly [string, string, string[]])[] = [
    ['a number where text belongs', `${ROUTE}  timeout: 5\n`, ['TS-CFG-0106 spec.http[0].timeout']],
    [
      'a duration below a millisecond',
      `${ROUTE}  retries: {attempts: 1, backoff: 1us}\n`,
      ['TS-CFG-0105 spec.http[0].retries.backoff'],
    ],
    [
      'look-around in a pattern',
      `${ROUTE}  match: [{uri: {regex: '(?=a)'}}]\n`,
      ['TS-CFG-0107 spec.http[0].match[0].uri.regex'],
    ],
    [
      'two of three matches',
      `${ROUTE}  match: [{uri: {exact: a, prefix: b}}]\n`,
      ['TS-CFG-0108 spec.http[0].match[0].uri.prefix'],
    ],
    [
      'a missing destination',
      'hosts: [a]\nhttp:\n- route:\n  - weight: 1\n',
      ['TS-CFG-0103 spec.http[0].route[0].destination'],
    ],
    [
      'a delay of a wrong type, which is no missing delay',
      `${ROUTE}  fault: {delay: {fixedDelay: 5}}\n`,
      ['TS-CFG-0106 spec.http[0].fault.delay.fixedDelay'],
    ],
    ['an empty list item', 'hosts: [a]\nhttp:\n- \n', ['TS-CFG-0110 spec.http[0]']],
    [
      'a port that does not exist',
      'hosts: [a]\nhttp:\n- route:\n  - destination: {host: a, port: {number: 99999}}\n',
      ['TS-CFG-0105 spec.http[0].route[0].destination.port.number'],
    ],
    [
      'an exponential delay',
      `${ROUTE}  fault: {delay: {exponentialDelay: 1s}}\n`,
      [
        'TS-CFG-0112 spec.http[0].fault.delay.exponentialDelay',
        'TS-CFG-0312 spec.http[0].fault.delay.exponentialDelay',
      ],
    ],
  ];
  for (const [what, spec, expected] of cases)
    it(`is refused: ${what}`, () => assert.deepEqual(codes(one(virtualService(spec))), expected));

  it('may be written as proto JSON has it: numbers as text, enums as numbers, snake case with a warning', () => {
    const document = one(
      virtualService(
        'hosts: [a]\nhttp:\n- route:\n  - destination: {host: a}\n    weight: "7"\n  retries: {attempts: 1, per_try_timeout: 1s}\n',
      ),
    );
    const spec = document.object?.spec as VirtualServiceSpec;
    assert.equal(spec.http?.[0]?.route?.[0]?.weight, 7);
    assert.equal(spec.http?.[0]?.retries?.perTryTimeout, '1s');
    assert.deepEqual(codes(document), ['TS-CFG-0113 spec.http[0].retries.per_try_timeout']);
    const peer = one(
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: 3}}\n',
    );
    assert.deepEqual(peer.object?.spec, { mtls: { mode: 'STRICT' } });
  });

  it('is frozen all the way down', () => {
    const spec = one(virtualService(ROUTE)).object?.spec as VirtualServiceSpec;
    assert.ok(
      Object.isFrozen(spec) && Object.isFrozen(spec.http) && Object.isFrozen(spec.http?.[0]?.route?.[0]?.destination),
    );
  });
});

describe('what is not in force', () => {
  const policy = (rest: string): ParsedDocument =>
    one(`apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n${rest}`);
  it('refuses a security object rather than let more through', () => {
    const document = one(
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {servers: [{hosts: [a], port: {number: 1, name: a, protocol: HTTPS}, tls: {mode: SIMPLE, insecureSkipVerify: true}}]}\n',
    );
    assert.equal(document.object, undefined);
    assert.deepEqual(codes(document), ['TS-CFG-0202 spec.servers[0].tls.insecureSkipVerify']);
  });
  it('accepts the targets that Istio knows, and no others', () => {
    const target = (text: string): readonly string[] => codes(policy(`  targetRefs: [${text}]\n  rules: [{}]\n`));
    for (const text of [
      '{kind: Service, name: a}',
      '{group: core, kind: Service, name: a}',
      '{group: networking.istio.io, kind: ServiceEntry, name: a}',
      '{group: gateway.networking.k8s.io, kind: Gateway, name: a}',
      '{group: gateway.networking.k8s.io, kind: GatewayClass, name: a}',
    ])
      assert.deepEqual(target(text), [], text);
    assert.deepEqual(target('{group: apps, kind: Deployment, name: a}'), ['TS-CFG-0320 spec.targetRefs[0].kind']);
  });
  it('refuses a dry run that is neither true nor false', () => {
    const dry =
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, annotations: {istio.io/dry-run: "yes"}}\nspec: {rules: [{}]}\n';
    assert.deepEqual(codes(one(dry)), ['TS-CFG-0333 metadata.annotations["istio.io/dry-run"]']);
  });
  it('refuses a value that an annotation of the mesh does not have', () => {
    const mesh = (annotation: string): string =>
      `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: mesh, annotations: {${annotation}}}\n`;
    assert.deepEqual(codes(one(mesh('topsail.io/host-ownership: strict, topsail.io/denied-by-header: "true"'))), []);
    assert.deepEqual(codes(one(mesh('topsail.io/host-ownership: Strict'))), [
      'TS-CFG-0333 metadata.annotations["topsail.io/host-ownership"]',
    ]);
  });
  it('warns elsewhere', () => {
    const document = one(
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a, trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {}}}}\n',
    );
    assert.ok(document.object);
    assert.deepEqual(codes(document), ['TS-CFG-0201 spec.trafficPolicy.loadBalancer.zoneAwareLbSetting']);
  });
  it('refuses whole kinds', () => {
    assert.deepEqual(
      codes(
        one(
          'apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: a}\nspec: {wasm: {url: a}}\n',
        ),
      ),
      ['TS-CFG-0203 kind'],
    );
  });
});

describe('the mesh configuration', () => {
  it('is read out of the ConfigMap istio', () => {
    const documents = parseText(
      'a.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    accessLogFile: /dev/stdout\n    trustDomain: td\n',
    );
    assert.deepEqual(
      documents.map((d) => d.key),
      ['ConfigMap/istio-system/istio', 'MeshConfig/istio-system/istio'],
    );
    assert.deepEqual(documents[1]?.object?.spec, { accessLogFile: '/dev/stdout', trustDomain: 'td' });
  });
  it('warns of unknown settings and of those that do nothing yet', () => {
    const document = one(
      'apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: istio, namespace: istio-system}\nenableEnvoyAccessLogService: true\nnoSuch: 1\n',
    );
    assert.ok(document.object);
    assert.deepEqual(codes(document), ['TS-CFG-0201 enableEnvoyAccessLogService', 'TS-CFG-0114 noSuch']);
  });
});

describe('a hostile text', () => {
  it('with aliases that multiply is refused', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) =>
        `  a${i}: &a${i} [${Array(12)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(', ')}]`,
    ).join('\n');
    const filter = `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a}\nspec:\n  configPatches:\n  - patch:\n      value:\n${bomb.replace(/^/gm, '      ')}\n`;
    const document = one(filter);
    assert.ok(
      document.complaints.some((c) => c.code === 'TS-CFG-0003'),
      `${MAX_VALUES} values are the limit`,
    );
  });
  it('nested a million deep is refused', () => assert.ok(one(`a: ${'['.repeat(1_000_000)}`).complaints.length > 0));
  it('cannot reach the prototype', () => {
    const document = one(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {__proto__: x}}\ndata: {a: b}\n',
    );
    assert.equal(document.object, undefined);
    assert.equal(({} as { x?: unknown }).x, undefined);
  });
  it('never throws and always says why nothing came of it', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'apiVersion',
        'kind',
        'metadata',
        'spec',
        'hosts',
        'http',
        '- ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
        '<<',
        '|',
        '>',
        '"',
        "'",
        '\n',
        '\n  ',
        '---\n',
        '#',
        '!',
        '%',
        '\t',
        'name',
        'VirtualService',
        'networking.istio.io/v1',
      ),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        for (const document of parseText('f', words.join('')))
          assert.ok(document.object !== undefined || document.complaints.length > 0);
      }),
      { numRuns: 1500 },
    );
  });
  it('in any kind never throws', () => {
    const kinds = fc.constantFrom(...KIND_NAMES);
    fc.assert(
      fc.property(
        kinds,
        fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 4 })),
        fc.jsonValue(),
        (kind, spec, extra) => {
          const fields = Object.keys((SCHEMAS[kind] as { properties: object }).properties);
          const body = { ...spec, ...Object.fromEntries(fields.map((field) => [field, extra])) };
          const { group, versions, manifest } = KINDS[kind];
          const text = JSON.stringify({
            apiVersion: group === '' ? versions[0] : `${group}/${versions[0]}`,
            kind: manifest,
            metadata: { name: 'a' },
            spec: body,
            ...body,
          });
          for (const document of parseText('f', text))
            assert.ok(document.object !== undefined || document.complaints.length > 0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
