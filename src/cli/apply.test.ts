import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply } from './apply.ts';
import { fakeContext } from './context.testing.ts';

const options = (filename: string) => ({ filename: [filename], namespace: 'default', timeout: '1s' });
const finding = (severity: string, code: string, message: string) => ({
  ...{ severity, code, message, file: 'default/VirtualService.a.yaml', line: 1, column: 1 },
  ...{ object: 'VirtualService default/a', path: 'spec.hosts[0]', remedy: 'Mend it.' },
});
const ALL = { acknowledged: 7, concerned: 7, rejected: [], lagging: [] };

describe('apply', () => {
  it('says so when files hold no document at all', async () => {
    const { context, home } = fakeContext({
      answers: { '/api/v1/apply': { applied: [], findings: [], generation: 1 } },
      files: { '/work/empty.yaml': '# nothing yet\n' },
    });
    await assert.rejects(
      apply(context, { ...options('/work/empty.yaml'), home }),
      /No objects passed to apply: \/work\/empty\.yaml/,
    );
  });

  it('fails where nothing was applied, although nothing is wrong with it', async () => {
    const other = { ...finding('warning', 'TS-CFG-0014', 'not for the mesh'), object: '', path: 'kind' };
    const one = { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' };
    const ran = async (applied: readonly object[]): Promise<number> => {
      const { context, home } = fakeContext({
        answers: { '/api/v1/apply': { applied, findings: [other], generation: 1 } },
        files: { '/work/a.yaml': 'kind: IstioOperator\n' },
      });
      return await apply(context, { ...options('/work/a.yaml'), home });
    };
    assert.equal(await ran([]), 1);
    assert.equal(await ran([{ ...one, action: 'created', findings: [] }]), 0);
  });

  it('prints after --wait what only the whole configuration shows, warnings too', async () => {
    const waits = finding('warning', 'TS-REG-030', 'subset v1: no endpoint of a has the labels version=v1');
    const one = { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' };
    const { context, home, out, err } = fakeContext({
      answers: {
        '/api/v1/apply': { applied: [{ ...one, action: 'created', findings: [] }], findings: [], generation: 1 },
        '/api/v1/wait': { acknowledged: 7, concerned: 7, rejected: [], lagging: [] },
        '/api/v1/objects': [{ ...one, programmed: ALL, findings: [waits, finding('info', 'X', 'unsaid')] }],
      },
      files: { '/work/a.yaml': 'kind: VirtualService\n' },
    });
    assert.equal(await apply(context, { ...options('/work/a.yaml'), home, wait: true }), 0);
    assert.match(out(), /virtualservice\.networking\.istio\.io\/a created\nProgrammed 7\/7/);
    assert.match(err(), /^warning \[TS-REG-030\] .*no endpoint of a has the labels version=v1\. Mend it\.\n$/);
  });

  it('prints without --wait what is found between objects, once also with it, and fails not by that', async () => {
    const one = { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' };
    const lost = finding('warning', 'TS-REG-031', 'host b names no service');
    for (const wait of [false, true]) {
      const { context, home, err } = fakeContext({
        answers: {
          '/api/v1/apply': { applied: [{ ...one, action: 'created', findings: [lost] }], findings: [], generation: 1 },
          '/api/v1/wait': ALL,
          '/api/v1/objects': [{ ...one, programmed: ALL, findings: [lost] }],
        },
        files: {
          '/work/a.yaml':
            '# mine\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec:\n  hosts:\n  - b\n  http: [{ route: [{ destination: { host: b } }] }]\n',
        },
      });
      assert.equal(await apply(context, { ...options('/work/a.yaml'), home, wait }), 0);
      assert.equal(
        err(),
        'warning [TS-REG-031] /work/a.yaml:7:5: VirtualService default/a spec.hosts[0]: host b names no service. Mend it.\n',
      );
    }
  });

  it('points at the line of the file that was applied, not of the copy that the mesh keeps', async () => {
    const id = { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' };
    const found = {
      ...finding('error', 'TS-REG-003', 'sends to subset v9'),
      file: '/home/mesh/config/default/VirtualService.a.yaml',
      path: 'spec.http[0].route[0].destination.subset',
    };
    const { context, home, err } = fakeContext({
      answers: {
        '/api/v1/apply': { applied: [{ ...id, action: 'created', findings: [] }], findings: [], generation: 1 },
        '/api/v1/wait': { acknowledged: 1, concerned: 1, rejected: [], lagging: [] },
        '/api/v1/objects': [{ ...id, programmed: ALL, findings: [found] }],
      },
      files: {
        '/work/a.yaml': `# of the team
apiVersion: v1
kind: Service
metadata: { name: a }
spec: { ports: [{ port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec:
  hosts: [a]
  http:
  - route:
    - destination:
        host: a
        subset: v9
`,
      },
    });
    await apply(context, { ...options('/work/a.yaml'), home, wait: true });
    assert.match(err(), /^error \[TS-REG-003\] \/work\/a\.yaml:16:17: /);
  });

  it('fails after --wait where an error keeps the object out of force, and says so last', async () => {
    const one = { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' };
    const ran = async (code: string, action = 'configured') => {
      const { context, home, err, out } = fakeContext({
        answers: {
          '/api/v1/apply': { applied: [{ ...one, action, findings: [] }], findings: [], generation: 1 },
          '/api/v1/wait': { acknowledged: 9, concerned: 9, rejected: [], lagging: [] },
          '/api/v1/objects': [
            { ...one, programmed: ALL, findings: [finding('error', code, 'its former routes stay in force')] },
          ],
        },
        files: { '/work/a.yaml': 'kind: VirtualService\n' },
      });
      const status = await apply(context, { ...options('/work/a.yaml'), home, wait: true });
      // One verdict: proxies acknowledge what is in force instead.
      assert.equal(out(), `virtualservice.networking.istio.io/a ${action}\n`);
      return { status, last: err().trim().split('\n').at(-1) };
    };
    const aside = await ran('TS-REG-003');
    assert.equal(aside.status, 1);
    assert.match(
      aside.last ?? '',
      /^virtualservice\.networking\.istio\.io\/a: the new form is not in force \(TS-REG-003\); 7\/7 proxies have what is in force instead/,
    );
    assert.match((await ran('TS-REG-003', 'created')).last ?? '', /a: it is not in force \(TS-REG-003\)/);
    for (const code of ['TS-REG-002', 'TS-REG-006']) {
      const partly = await ran(code);
      assert.equal(partly.status, 1);
      assert.match(partly.last ?? '', new RegExp(`: not all of it is in force \\(${code}\\)`));
    }
  });

  it('says which objects concern no proxy, alone and beside others', async () => {
    const NOBODY = { ...ALL, acknowledged: 0, concerned: 0 };
    const [route, limit] = [
      { kind: 'VirtualService', group: 'networking.istio.io', namespace: 'default', name: 'a' },
      { kind: 'RateLimit', group: 'topsail.io', namespace: 'default', name: 'l' },
    ];
    const printed = async (total: object, ...objects: readonly (readonly [typeof route, object])[]) => {
      const { context, home, out } = fakeContext({
        answers: {
          '/api/v1/apply': {
            applied: objects.map(([id]) => ({ ...id, action: 'created', findings: [] })),
            findings: [],
            generation: 1,
          },
          '/api/v1/wait': total,
          ...Object.fromEntries(
            objects.map(([id, programmed]) => [
              `/api/v1/objects?kind=${id.kind}&namespace=default&name=${id.name}`,
              [{ ...id, programmed, findings: [] }],
            ]),
          ),
        },
        files: { '/work/a.yaml': 'kind: VirtualService\n' },
      });
      assert.equal(await apply(context, { ...options('/work/a.yaml'), home, wait: true }), 0);
      return out().split('\n').slice(objects.length).join('\n');
    };
    assert.equal(await printed(NOBODY, [limit, NOBODY]), 'Programmed: concerns no proxy\n');
    assert.equal(
      await printed(ALL, [route, ALL], [limit, NOBODY]),
      'Programmed 7/7\n  ratelimit.topsail.io/l concerns no proxy\n',
    );
  });
});
