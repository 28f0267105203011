// Which API server a kubeconfig means, and that no text of it makes the reader fail in another way than by a value.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inClusterAccess, readKubeconfig } from './kubeconfig.ts';
import { WatchLines } from './watch-stream.ts';

const config = {
  'current-context': 'dev',
  contexts: [
    { name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
    { name: 'other', context: { cluster: 'nowhere', user: 'u' } },
  ],
  clusters: [{ name: 'c', cluster: { server: 'https://k8s.example:6443/', 'certificate-authority': 'pki/ca.crt' } }],
  users: [
    {
      name: 'u',
      user: { 'client-certificate-data': Buffer.from('CERT').toString('base64'), 'client-key': '/abs/key.pem' },
    },
  ],
};

describe('a kubeconfig', () => {
  it('is read by its current context, with paths relative to its folder', () => {
    const read = readKubeconfig(config, '/home/u/.kube');
    assert.ok(read.ok);
    assert.deepEqual(read.value, {
      server: 'https://k8s.example:6443',
      insecure: false,
      serverName: '',
      namespace: 'shop',
      caPem: { file: '/home/u/.kube/pki/ca.crt' },
      clientCertificatePem: { text: 'CERT' },
      clientKeyPem: { file: '/abs/key.pem' },
    });
  });

  it('names what is missing', () => {
    for (const [value, context, what] of [
      [config, 'other', /cluster nowhere/],
      [config, 'none', /context none/],
      [{}, undefined, /current-context/],
    ] as const) {
      const read = readKubeconfig(value, '/', context);
      assert.ok(!read.ok);
      assert.match(read.error.message, what);
    }
  });

  it('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.anything(), (value) => void readKubeconfig(value, '/')));
    fc.assert(
      fc.property(
        fc.record({
          'current-context': fc.constant('a'),
          contexts: fc.anything(),
          clusters: fc.anything(),
          users: fc.anything(),
        }),
        (value) => void readKubeconfig(value, '/'),
      ),
    );
  });
});

describe('a pod', () => {
  it('finds its API server by its environment, also over IPv6', () => {
    assert.equal(
      inClusterAccess({ KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }, 'x')?.server,
      'https://10.96.0.1:443',
    );
    assert.equal(inClusterAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, 'x')?.server, 'https://[fd00::1]:443');
    assert.equal(inClusterAccess({}, 'x'), undefined);
  });
});

describe('the lines of a watch', () => {
  it('are the same however they are cut, and never throw', () => {
    const object = fc.record({ metadata: fc.record({ name: fc.string(), resourceVersion: fc.string() }) });
    const event = fc.record({ type: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'), object });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), fc.array(fc.nat(40), { maxLength: 30 }), (events, cuts) => {
        const text = events.map((one) => `${JSON.stringify(one)}\n`).join('');
        const lines = new WatchLines();
        const found: unknown[] = [];
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          found.push(...(lines.push(text.slice(at, at + cut)) ?? []));
          at += cut;
        }
        assert.deepEqual(found, JSON.parse(JSON.stringify(events)));
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void new WatchLines().push(`${text}\n`)));
  });
});
