import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { analyze } from './analyze.ts';
import { fakeContext } from './context.testing.ts';

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: ratings }
spec: { selector: { app: ratings }, ports: [{ name: http, port: 80 }] }
`;
const RULE = `# of the team
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: r }
spec:
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } }
  host: ratigns
`;
const ROUTE = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v }
spec: { hosts: [ratings], http: [{ route: [{ destination: { host: nobody } }] }] }
`;

describe('analyze -f', () => {
  const analyzed = async (files: Readonly<Record<string, string>>, offline: boolean, answers = {}) => {
    const { context, home, out } = fakeContext({ files, answers });
    const options = { filename: Object.keys(files), namespace: 'default', home, offline };
    return { status: await analyze(context, options), out: out() };
  };
  it('sees the files together where they are all there is, each finding at its line', async () => {
    const warned = await analyzed({ '/work/s.yaml': SERVICE, '/work/r.yaml': RULE }, true);
    assert.equal(
      warned.out,
      'warning [TS-REG-031] /work/r.yaml:7:9: DestinationRule default/r spec.host: host ratigns.default.svc.cluster.local names no service: the rule is in force nowhere. Did you mean `ratings`? Check the name and the namespace, or declare the host in a Service or ServiceEntry: the rule then comes into force by itself.\n',
    );
    assert.equal(warned.status, 0);
    assert.deepEqual(await analyzed({ '/work/s.yaml': SERVICE }, true), {
      status: 0,
      out: 'All is well with 1 file.\n',
    });
    const wrong = await analyzed({ '/work/all.yaml': `${SERVICE}---\n${ROUTE}` }, true);
    assert.equal(wrong.status, 1);
    assert.match(wrong.out, /^error \[TS-REG-006\] \/work\/all\.yaml:9:\d+: VirtualService default\/v /);
  });
  it('asks the mesh what it would say with them', async () => {
    const found = { severity: 'warning', code: 'TS-REG-031', file: '/work/r.yaml', line: 7, column: 9 };
    const answers = {
      '/api/v1/check': {
        objects: [],
        findings: [{ ...found, object: 'DestinationRule default/r', path: 'spec.host', message: 'lost', remedy: '' }],
      },
    };
    const { status, out } = await analyzed({ '/work/r.yaml': RULE }, false, answers);
    assert.equal(out, 'warning [TS-REG-031] /work/r.yaml:7:9: DestinationRule default/r spec.host: lost\n');
    assert.equal(status, 0);
  });
});
