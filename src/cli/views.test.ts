// What the viewing commands print of one mesh: no line that a reader could take for something else.
import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import type { EdgeJson, FindingJson, ObjectJson } from '#api';
import { fakeContext } from './context.testing.ts';
import { describe } from './describe.ts';
import { latency } from './table.ts';
import { tap, tapLine } from './tap.ts';
import { edges } from './edges.ts';
import { get } from './get.ts';
import { logs } from './logs.ts';
import { proxyConfig } from './proxy-config.ts';
import { check, status } from './status.ts';

const NONE = { acknowledged: 0, concerned: 0, lagging: [], rejected: [] };

const object = (fields: Partial<ObjectJson>): ObjectJson => ({
  kind: 'VirtualService',
  namespace: 'default',
  name: 'reviews',
  group: 'networking.istio.io',
  apiVersion: 'networking.istio.io/v1',
  generation: 1,
  createdMs: 0,
  state: 'accepted',
  file: 'reviews.yaml',
  line: 3,
  labels: {},
  annotations: {},
  spec: { hosts: ['reviews', '*.shop'], gateways: ['mesh'] },
  findings: [],
  programmed: NONE,
  ...fields,
});

const finding = (code: string, severity: FindingJson['severity']): FindingJson => ({
  severity,
  code,
  file: '',
  line: 0,
  column: 0,
  object: 'VirtualService default/reviews',
  path: 'spec.http[0]',
  message: 'sends to subset v9, which no DestinationRule defines: its former routes stay in force',
  remedy: 'Define it.',
});

const edge = (fields: Partial<EdgeJson>): EdgeJson => ({
  windowSeconds: 10,
  source: 'caller',
  sourceNamespace: 'default',
  destination: 'hello-v1',
  destinationNamespace: 'default',
  service: 'hello.default.svc.cluster.local',
  protocol: 'http',
  requestsPerSecond: 1,
  errorsPerSecond: 0,
  p50Ms: 2,
  p95Ms: 4,
  p99Ms: 6,
  mtls: 1,
  sourcePrincipal: '',
  sourcePrincipals: [],
  deniedPerSecond: 0,
  denials: {},
  faults: {},
  destinationPrincipal: '',
  ...fields,
});

suite('describe', () => {
  const told = async (one: ObjectJson): Promise<string> => {
    const { context, out } = fakeContext({ answers: { '/api/v1/objects': [one] } });
    await describe(context, [`${one.kind}/${one.name}`], { namespace: 'default' });
    return out();
  };

  test('says that the text is in force only where all of it is', async () => {
    assert.match(await told(object({})), /State: +accepted: the text in force is the text written\n/);
    assert.match(
      await told(object({ findings: [finding('TS-REG-030', 'warning')] })),
      /State: +accepted: the text in force/,
    );
    assert.match(
      await told(object({ findings: [finding('TS-REG-003', 'error')] })),
      /State: +accepted, but not all of it is in force: see TS-REG-003 below\n/,
    );
  });

  test('names where an object comes from, also without a file', async () => {
    assert.match(await told(object({})), /Source: +reviews\.yaml:3\n/);
    const joined = object({
      kind: 'WorkloadEntry',
      file: '',
      line: 0,
      annotations: { 'istio.io/autoRegistration': 'true' },
    });
    assert.match(await told(joined), /Source: +none: registered by its workload's proxy\n/);
    assert.match(
      await told({ ...joined, annotations: { 'topsail.io/bound-ports': '80:8123,90:90' } }),
      /^Ports: +80 \(listens on 8123\), 90\n/m,
    );
  });

  test('says how many have it as get does', async () => {
    assert.match(await told(object({})), /^Programmed: +concerns no proxy\n/m);
    assert.match(
      await told(object({ programmed: { ...NONE, acknowledged: 2, concerned: 3 } })),
      /^Programmed: +2\/3\n/m,
    );
    assert.doesNotMatch(await told(object({})), /\n\n/);
  });

  test('says whom a selector finds, also nobody, and nothing where not all workloads are known', async () => {
    const selecting = async (app: string, proxies: readonly unknown[] = [], namespace = 'default'): Promise<string> => {
      const at = (name: string, namespace: string) => ({ name, namespace, labels: { app: name } });
      const one = object({ kind: 'MessageLimits', namespace, spec: { selector: { matchLabels: { app } } } });
      const { context, out } = fakeContext({
        answers: {
          '/api/v1/objects': [one],
          '/api/v1/status': { workloads: [at('a', 'default'), at('b', 'other')], proxies },
        },
      });
      await describe(context, ['messagelimits/reviews'], { namespace });
      return /^Selects: +(.*)$/m.exec(out())?.[1] ?? '';
    };
    assert.equal(await selecting('a'), 'a');
    assert.equal(await selecting('b'), 'nobody: no workload of its namespace matches');
    assert.equal(await selecting('x'), 'nobody: no workload matches');
    assert.equal(await selecting('a', [], 'istio-system'), '');
    assert.equal(await selecting('x', [{ name: 'pod', namespace: 'default' }]), '');
  });
});

suite('get', () => {
  test('says on stderr how many objects are in other namespaces: of all, and where there are none here', async () => {
    const here = [object({}), object({ namespace: '' })];
    const there = [object({ namespace: 'shop' }), object({ namespace: 'mall' })];
    const told = async (words: readonly string[], more: object = {}, all = [...here, ...there]): Promise<string> => {
      const { context, err } = fakeContext({
        answers: {
          '/api/v1/objects?namespace=default': here,
          '/api/v1/objects?kind=VirtualService&namespace=default': here,
          '/api/v1/objects?kind=VirtualService&namespace=empty': [],
          '/api/v1/objects': all,
        },
      });
      await get(context, words, { namespace: 'default', ...more });
      return err();
    };
    assert.equal(await told(['all']), '2 objects in other namespaces: -A shows them\n');
    assert.equal(await told(['all'], {}, [...here, ...there.slice(1)]), '1 object in another namespace: -A shows it\n');
    assert.equal(await told(['all'], { allNamespaces: true }), '');
    assert.equal(await told(['all'], { output: 'yaml' }), '');
    assert.equal(await told(['vs']), '');
    assert.equal(
      await told(['vs'], { namespace: 'empty' }),
      'No resources found in empty namespace.\n3 objects in other namespaces: -A shows them\n',
    );
  });
  test('says of an object with a second document that the one in force is accepted, and where the other stands', async () => {
    const second = { ...finding('TS-CFG-0011', 'error'), file: 'b.yaml', line: 7 };
    const answers = { '/api/v1/objects': [object({ findings: [second] })] };
    const { context, out } = fakeContext({ answers });
    await get(context, ['vs', 'reviews'], { namespace: 'default' });
    assert.match(out(), / Accepted \(duplicate in b\.yaml:7\) /);
    const described = fakeContext({ answers });
    await describe(described.context, ['vs', 'reviews'], { namespace: 'default' });
    assert.match(described.out(), /State: +accepted: the text in force is the text written\n/);
  });
  test("prints lists as kubectl prints a printer column's, and an error that keeps a part out of force", async () => {
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/objects': [object({}), object({ name: 'lost', findings: [finding('TS-REG-003', 'error')] })],
      },
    });
    await get(context, ['vs'], { namespace: 'default' });
    assert.match(out(), /^reviews +\["mesh"\] +\["reviews","\*\.shop"\] +Accepted /m);
    assert.match(out(), /^lost .* Error /m);
  });

  test("shows a kind's numbers as its printer columns do", async () => {
    const spec = { request: { headers: { maxKiB: 16 }, body: { maxBytes: 1024 } } };
    const { context, out } = fakeContext({ answers: { '/api/v1/objects': [object({ kind: 'MessageLimits', spec })] } });
    await get(context, ['messagelimits'], { namespace: 'default' });
    assert.match(out(), /^NAME +REQUEST-BODY +REQUEST-KIB +RESPONSE-KIB +STATE/);
    assert.match(out(), /^reviews +1024 +16 +Accepted/m);
  });
});

suite('status', () => {
  test('shows where a gateway listens and on which ports others are asked for, by namespace and name', async () => {
    const ports = [{ port: 8080, boundPort: 18080, appPort: 18080 }];
    const at = (name: string, namespace: string) => ({ name, namespace, ports, connected: true, health: 'healthy' });
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/status': {
          ...{ addresses: {}, findings: [], workloads: [at('gate', 'edge'), at('b', 'default'), at('a', 'default')] },
          proxies: [{ name: 'gate', namespace: 'edge', type: 'router', types: {}, lastError: '' }],
        },
      },
    });
    await status(context, {});
    const rows = out()
      .split('\n')
      .filter((line) => /8080/.test(line));
    assert.deepEqual(
      rows.map((row) => [row.split(/ +/)[0], row.split(/ +/).at(-1)]),
      [
        ['a', '8080'],
        ['b', '8080'],
        ['gate', '18080'],
      ],
    );
  });
});

suite('check', () => {
  const workload = { name: 'caller', namespace: 'default', connected: false, health: 'unhealthy' };
  const state = (workloads: readonly unknown[]) => ({ proxies: [], objects: 3, findings: [], workloads });

  test('passes over what settles by itself, and errs about what stays', async () => {
    let asked = 0;
    const passing = fakeContext({ answers: { '/api/v1/status': () => state(asked++ < 4 ? [workload] : []) } });
    assert.equal(await check(passing.context, {}), 0);
    assert.match(passing.out(), /^All is well/);
    const lasting = fakeContext({ answers: { '/api/v1/status': state([workload]) } });
    assert.equal(await check(lasting.context, {}), 1);
    assert.match(lasting.out(), /^error \[workload\] caller\.default lost its connection/);
  });
});

suite('logs', () => {
  const files = {
    '/home/mesh/logs/reviews-v1.log': 'demo\n',
    '/home/mesh/logs/hello.default.log': 'one\ntwo\nthree\n',
    '/home/mesh/logs/hello.shop.log': 'shop\n',
    '/home/mesh/logs/alone.shop.log': 'alone\n',
  };
  const told = async (name: string, tail = '200'): Promise<string> => {
    const { context, out } = fakeContext({ files });
    await logs(context, name, { tail });
    return out();
  };

  test("finds the demo's processes and workloads started by hand, by name or with their namespace", async () => {
    assert.equal(await told('reviews-v1'), 'demo\n');
    assert.equal(await told('reviews-v1.default'), 'demo\n');
    assert.equal(await told('hello'), 'one\ntwo\nthree\n');
    assert.equal(await told('hello', '2'), 'two\nthree\n');
    assert.equal(await told('hello.shop'), 'shop\n');
    assert.equal(await told('alone'), 'alone\n');
  });

  test('says which logs there are', async () => {
    await assert.rejects(told('nobody'), /called nobody\. Logs exist for: .*hello\.default, hello\.shop, reviews-v1\./);
  });
});

suite('edges', () => {
  test('has one row for two ends and a protocol, whatever they called each other', async () => {
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/edges': [
          edge({ service: '', requestsPerSecond: 3, errorsPerSecond: 1 }),
          edge({}),
          edge({ protocol: 'tcp' }),
          edge({ sourceNamespace: 'other', requestsPerSecond: 9 }),
        ],
      },
    });
    await edges(context, {});
    const [head, , ...rows] = out().trim().split('\n');
    assert.equal(head, 'Of the last 10 s, as the caller waited (injected delays and retries too):');
    assert.deepEqual(
      rows.map((row) => row.split(/ {2,}/).slice(0, 5).join(' ')),
      [
        'caller.other hello-v1 http 9.0 0.0%',
        'caller.default hello-v1 http 4.0 25.0%',
        'caller.default hello-v1 tcp 1.0 0.0%',
      ],
    );
  });
});

test('what a program reads is JSON or YAML', async () => {
  const { context, out } = fakeContext({ answers: { '/api/v1/edges': [edge({})] } });
  await edges(context, { output: 'yaml' });
  assert.match(out(), /^- windowSeconds: 10\n  source: caller\n/);
});

test('a latency of a second and more is told in seconds', () => {
  assert.deepEqual([0, 4.25, 180.4, 999.4, 999.6, 9932].map(latency), ['-', '4.3ms', '180ms', '999ms', '1.0s', '9.9s']);
});

suite('edges that reached no workload', () => {
  test('lead to the service that was asked for; alike names are told apart by namespace', async () => {
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/edges': [
          edge({ destination: 'unknown', destinationNamespace: 'unknown', service: 'reviews.shop.svc.cluster.local' }),
          edge({ destination: 'unknown', destinationNamespace: 'unknown', service: 'api.test' }),
          edge({ sourceNamespace: 'other' }),
        ],
      },
    });
    await edges(context, {});
    assert.match(out(), /\ncaller\.\w+ +reviews\.shop \(service\) /);
    assert.match(out(), /\ncaller\.\w+ +api\.test /);
    assert.match(out(), /\ncaller\.other +hello-v1 /);
  });
});

suite('edges with injected faults', () => {
  test('name them with their VirtualService, the most frequent first', async () => {
    const faults = { 'delay VirtualService default/a': 1, 'abort 503 VirtualService default/a': 3 };
    const { context, out } = fakeContext({
      answers: { '/api/v1/edges': [edge({ faults }), edge({ faults, service: 'b' }), edge({ protocol: 'tcp' })] },
    });
    await edges(context, {});
    assert.match(
      out(),
      /MTLS +FAULTS\n.* yes +fault injected \(abort 503\) by VirtualService default\/a; fault injected \(delay\) by VirtualService default\/a\n.* -\n/,
    );
  });
});

suite('edges with denials', () => {
  test('names a RateLimit and its rule', async () => {
    const denials = { 'ratelimit[default/r6/all]': 2, 'ratelimit[default/r6/all] 503': 1 };
    const { context, out } = fakeContext({
      answers: { '/api/v1/edges': [edge({ errorsPerSecond: 1, deniedPerSecond: 1, denials })] },
    });
    await edges(context, {});
    assert.match(out(), /MTLS +DENIED BY\ncaller +hello-v1 +http .* 100\.0% .* RateLimit default\/r6, rule all\n/);
  });

  test('says who denied, and counts it as an error', async () => {
    const denials = {
      'rbac_access_denied_matched_policy[ns[default]-policy[hello]-rule[0]]': 3,
      'rbac_access_denied_matched_policy[none]': 1,
    };
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/edges': [edge({ errorsPerSecond: 1, deniedPerSecond: 1, denials }), edge({ protocol: 'tcp' })],
      },
    });
    await edges(context, {});
    assert.match(
      out(),
      /MTLS +DENIED BY\ncaller +hello-v1 +http .* 100\.0% .* AuthorizationPolicy default\/hello, rule 0; no ALLOW rule matched\ncaller .* -\n/,
    );
  });
});

suite('proxy-config', () => {
  test("shows the workload's own certificate and roots, from its proxy, beside what the control plane sent", async () => {
    const page = (path: string) => ({
      path,
      serial_number: 'abc',
      valid_from: '2020-01-01T00:00:00.000Z',
      expiration_time: '2035-01-01T00:00:00.000Z',
    });
    const { context, out } = fakeContext({
      answers: {
        '/api/v1/proxies/gate/config': {
          secrets: [{ name: 'kubernetes://cert', tlsCertificate: { certificateChain: { inlineString: 'none' } } }],
        },
        '/api/v1/proxies': [{ id: 'x', name: 'gate', namespace: 'default', adminPort: 15000 }],
        '/certs': { certificates: [{ ca_cert: [page('ROOTCA')], cert_chain: [page('default'), page('default')] }] },
      },
    });
    await proxyConfig(context, 'secrets', 'gate', { output: 'short' });
    const rows = out()
      .trim()
      .split('\n')
      .map((row) => row.split(/ {2,}/).join('|'));
    assert.deepEqual(rows, [
      'RESOURCE NAME|TYPE|STATUS|VALID CERT|SERIAL NUMBER|NOT AFTER|NOT BEFORE',
      'default|Cert Chain|ACTIVE|true|abc|2035-01-01T00:00:00Z|2020-01-01T00:00:00Z',
      'ROOTCA|CA|ACTIVE|true|abc|2035-01-01T00:00:00Z|2020-01-01T00:00:00Z',
      'kubernetes://cert|Cert Chain|ACTIVE|false|-|-|-',
    ]);
  });

  test("passes the API's sentence on without the address that it was asked at", async () => {
    const { context } = fakeContext({});
    await assert.rejects(proxyConfig(context, 'routes', 'nope', { output: 'short' }), {
      message: 'nothing at /api/v1/proxies/nope/config',
    });
  });
});

suite('tap', () => {
  test('is refused for a name that nobody has, with those that there are', async () => {
    const { context } = fakeContext({
      answers: {
        '/api/v1/status': {
          proxies: [{ name: 'gate', namespace: 'edge' }],
          workloads: [{ name: 'b', namespace: 'shop' }],
        },
      },
    });
    await assert.rejects(tap(context, 'nosuch', {}), /No workload is called nosuch\. Known: b\.shop, gate\.edge\./);
    // Whoever is known is listened to, which this test does not ask for.
    for (const known of ['b', 'shop/b', 'gate.edge']) await assert.rejects(tap(context, known, {}), /does not ask/);
  });

  test('says in words which limit, or which policy, refused', () => {
    const refused = (policy: string) =>
      tapLine({
        ...{ atMs: 0, direction: 'inbound', protocol: 'HTTP/1.1', method: 'GET', authority: 'a', path: '/' },
        ...{ status: 429, grpcStatus: -1, durationMs: 1, flags: ['RL'], mtls: true, attempts: 1, id: 'i', service: '' },
        ...{ policy, source: { workload: 'a' }, destination: { workload: 'b' } },
      } as unknown as Parameters<typeof tapLine>[0]);
    const limit = refused('ratelimit[default/reviews/byclient]');
    assert.match(limit, / RL mTLS rule byclient of RateLimit default\/reviews was exceeded i$/);
    const rule = refused('ns[default]-policy[d6]-rule[0]');
    assert.match(rule, / AuthorizationPolicy default\/d6, rule 0 i$/);
    assert.match(refused('plugin[shop.auth]'), / plugin\[shop\.auth\] i$/);
  });

  test('says which service was meant where nothing declares the port', () => {
    const line = tapLine({
      ...{
        atMs: 0,
        direction: 'outbound',
        protocol: 'TCP',
        method: '',
        authority: '',
        path: '',
        service: '',
        policy: '',
      },
      ...{ status: 0, grpcStatus: -1, durationMs: 1, flags: [], mtls: false, attempts: 0, id: '', cause: '' },
      ...{
        cluster: 'PassthroughCluster',
        endpoint: '10.1.2.3:99',
        source: { workload: 'a' },
        destination: { workload: '' },
      },
      undeclared: { service: 'b.shop.svc.cluster.local', port: 99, ports: [80, 81] },
    } as unknown as Parameters<typeof tapLine>[0]);
    assert.match(
      line,
      / a -> 10\.1\.2\.3:99 .* PassthroughCluster: port 99 is none of b\.shop\.svc\.cluster\.local \(80, 81\): add it to the Service /,
    );
  });

  test('names a fault that the caller’s side injected, and no encryption of what never left', () => {
    const out = (more: object): string =>
      tapLine({
        ...{ atMs: 0, direction: 'outbound', protocol: 'HTTP/1.1', method: 'GET', authority: 'a', path: '/' },
        ...{
          status: 503,
          grpcStatus: -1,
          durationMs: 1,
          flags: ['FI'],
          mtls: false,
          attempts: 0,
          id: 'i',
          service: 's',
        },
        ...{ policy: '', endpoint: '', cause: 'VirtualService/default/a spec.http[0]' },
        ...{ source: { workload: 'a' }, destination: { workload: '' } },
        ...more,
      } as unknown as Parameters<typeof tapLine>[0]);
    assert.match(out({}), / 503 1\.0ms FI fault injected \(abort 503\) by VirtualService default\/a i$/);
    const delayed = { flags: ['DI'], status: 200, endpoint: '1.2.3.4:80', attempts: 1, mtls: true };
    assert.match(out(delayed), / DI mTLS fault injected \(delay\) by VirtualService default\/a i$/);
  });

  test('shows one line of visible text, whatever a peer calls itself', () => {
    const record = {
      ...{ atMs: 0, direction: 'inbound', protocol: 'HTTP/1.1', method: 'GET', authority: 'a', path: '/\u009b2J' },
      ...{
        status: 200,
        grpcStatus: -1,
        durationMs: 1,
        flags: [],
        mtls: false,
        attempts: 1,
        policy: '',
        id: 'i',
        service: '',
      },
      source: { workload: 'evil\n\u001b]0;title\u0007' },
      destination: { workload: 'b' },
    } as unknown as Parameters<typeof tapLine>[0];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    assert.doesNotMatch(tapLine(record), /[\u0000-\u001f\u007f-\u009f]/);
    assert.match(tapLine(record), /evil\\u000a\\u001b\]0;title\\u0007 -> b GET a\/\\u009b2J 200/);
  });
});
