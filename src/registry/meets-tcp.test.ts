import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, viewOf } from '#config';
import { withoutIdleTcpWarnings } from './meets-tcp.ts';
import { Registry } from './registry.ts';

const networking = (kind: string, name: string, spec: string, namespace = 'shop'): string =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
const service = (port: string, app = 'a'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${app}, namespace: shop }\nspec: { selector: { app: ${app} }, ports: [{ ${port}, port: 80 }] }\n`;
const workload = (app: string): string =>
  networking('WorkloadEntry', app, `{ address: 10.0.0.1, labels: { app: ${app} } }`);
const policy = (selects: string, namespace = 'shop'): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: ${namespace} }\nspec: { ${selects}action: DENY, rules: [{ to: [{ operation: { methods: [POST] } }] }] }\n`;
const OF_A = 'selector: { matchLabels: { app: a } }, ';

/** Is it warned of TCP ports? */
function warned(...texts: readonly string[]): boolean {
  const documents = parseText('t.yaml', texts.join('---\n'), { createdMs: 1 });
  const complaints = documents.flatMap((one) => one.complaints);
  assert.deepEqual(
    complaints.map(({ code }) => code),
    ['TS-CFG-0404'],
  );
  const config = viewOf(documents.flatMap(({ object }) => object ?? []));
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c1' });
  const { view } = registry.rebuild(config);
  const place = { config, registry: view, running: () => registry.running(), rootNamespace: 'istio-system' };
  return withoutIdleTcpWarnings(complaints, place).length > 0;
}

describe('the warning that a DENY rule denies more on TCP ports', () => {
  it('is for policies that select somebody with such a port, or with one whose protocol is found out', () => {
    assert.equal(warned(service('name: http'), workload('a'), policy(OF_A)), false);
    assert.equal(warned(service('name: grpc-web'), workload('a'), policy('')), false);
    for (const port of ['name: tcp-db', 'name: https', 'name: redis', 'name: any'])
      assert.equal(warned(service(port), workload('a'), policy(OF_A)), true, port);
  });

  it('looks at those only whom the policy selects', () => {
    const both = [service('name: http'), workload('a'), service('name: tcp', 'b'), workload('b')];
    assert.equal(warned(...both, policy(OF_A)), false);
    assert.equal(warned(...both, policy('')), true);
    assert.equal(warned(...both, policy('', 'istio-system')), true);
    assert.equal(warned(...both, policy(OF_A, 'istio-system')), false);
  });

  it('stays while nobody is known whom it selects', () => {
    assert.equal(warned(policy(OF_A)), true);
    assert.equal(warned(service('name: http'), workload('a'), policy('', 'elsewhere')), true);
  });

  it('counts the servers of gateways, and the listeners of Sidecars', () => {
    const gateway = (server: string): string =>
      networking('Gateway', 'g', `{ selector: { app: a }, servers: [{ hosts: ["*"], ${server} }] }`);
    const at = (protocol: string): string => `port: { number: 80, name: x, protocol: ${protocol} }`;
    assert.equal(warned(workload('a'), gateway(at('HTTP')), policy(OF_A)), false);
    const ended = `${at('HTTPS')}, tls: { mode: SIMPLE, credentialName: c }`;
    assert.equal(warned(workload('a'), gateway(ended), policy(OF_A)), false);
    assert.equal(warned(workload('a'), gateway(`${at('HTTPS')}, tls: { mode: PASSTHROUGH }`), policy(OF_A)), true);
    assert.equal(warned(workload('a'), gateway(at('TCP')), policy(OF_A)), true);
    const sidecar = (protocol: string): string =>
      networking('Sidecar', 's', `{ ingress: [{ ${at(protocol)}, defaultEndpoint: 127.0.0.1:80 }] }`);
    assert.equal(warned(workload('a'), sidecar('HTTP'), policy(OF_A)), false);
    assert.equal(warned(workload('a'), sidecar('TCP'), policy(OF_A)), true);
  });
});
