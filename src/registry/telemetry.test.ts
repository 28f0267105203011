// How Telemetry objects of mesh, namespace and workload are laid over each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { meshSettings } from './mesh-settings.ts';
import { mergeTelemetry, telemetriesOf } from './telemetry.ts';

const MESH = `apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
defaultProviders: { tracing: [zipkin], accessLogging: [envoy] }
defaultConfig: { tracing: { sampling: 7, customTags: { a: { literal: { value: mesh } } } } }
extensionProviders:
- { name: zipkin, zipkin: { service: z.default.svc.cluster.local, port: 9411 } }
- { name: other, zipkin: { service: o.default.svc.cluster.local, port: 9411 } }
- { name: second, envoyFileAccessLog: { path: /dev/stderr } }
`;

const object = (name: string, namespace: string, spec: string): string =>
  `apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;

function merged(...objects: readonly string[]) {
  const documents = parseText('t.yaml', [MESH, ...objects].join('---\n'), {
    defaultNamespace: 'default',
    createdMs: 1,
  });
  const view = viewOf(documents.map(({ object: one }) => one).filter((one) => one !== undefined));
  const mesh = meshSettings(view);
  const chosen = telemetriesOf(view, { namespace: 'default', labels: { app: 'web' } }, mesh.rootNamespace);
  return { chosen: chosen.map(({ metadata }) => metadata.name), ...mergeTelemetry(chosen, mesh) };
}

test('without an object the mesh’s defaults hold', () => {
  const { client, server } = merged();
  assert.deepEqual(
    client.logs?.map(({ provider }) => provider.name),
    ['envoy'],
  );
  assert.equal(server.tracing?.provider?.name, 'zipkin');
  assert.equal(server.tracing?.sampling, 7);
  assert.deepEqual(server.metrics, []);
});

test('mesh, namespace and workload come in this order, one of each, and only what selects the workload', () => {
  const { chosen } = merged(
    object('w', 'default', '{ selector: { matchLabels: { app: web } } }'),
    object('not-us', 'default', '{ selector: { matchLabels: { app: other } } }'),
    object('n', 'default', '{}'),
    object('m', 'istio-system', '{}'),
    object('elsewhere', 'shop', '{}'),
  );
  assert.deepEqual(chosen, ['m', 'n', 'w']);
});

test('a lower level overrides field by field, and custom tags as a whole', () => {
  const { client, server } = merged(
    object(
      'm',
      'istio-system',
      '{ tracing: [{ randomSamplingPercentage: 50, customTags: { b: { literal: { value: m } } } }] }',
    ),
    object(
      'n',
      'default',
      '{ tracing: [{ match: { mode: SERVER }, providers: [{ name: other }], randomSamplingPercentage: 0 }] }',
    ),
  );
  assert.equal(client.tracing?.provider?.name, 'zipkin');
  assert.equal(client.tracing?.sampling, 50);
  assert.equal(server.tracing?.provider?.name, 'other');
  assert.equal(server.tracing?.sampling, 0);
  assert.deepEqual(Object.keys(server.tracing?.customTags ?? {}), ['b']);
});

test('spans that are not reported leave tracing on without a provider', () => {
  const { server } = merged(object('n', 'default', '{ tracing: [{ disableSpanReporting: true }] }'));
  assert.equal(server.tracing?.provider, undefined);
  assert.equal(server.tracing?.sampling, 7);
});

test('the lowest level that names providers decides which logs there are; disabled takes one away, by side', () => {
  const { client, server } = merged(
    object(
      'm',
      'istio-system',
      '{ accessLogging: [{ providers: [{ name: envoy }], filter: { expression: "response.code > 1" } }] }',
    ),
    object(
      'n',
      'default',
      '{ accessLogging: [{ match: { mode: CLIENT }, disabled: true }, { match: { mode: SERVER }, providers: [{ name: second }] }] }',
    ),
  );
  assert.deepEqual(client.logs, []);
  assert.deepEqual(
    server.logs?.map(({ provider, filter }) => [provider.name, filter]),
    [['second', '']],
  );
});

test('changes to metrics gather, and a provider that counts nothing turns all off', () => {
  const { client, server } = merged(
    object('m', 'istio-system', '{ metrics: [{ overrides: [{ tagOverrides: { a: { value: "1" } } }] }] }'),
    object(
      'n',
      'default',
      '{ metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT, mode: SERVER }, disabled: true }] }] }',
    ),
  );
  assert.deepEqual(
    server.metrics.map(({ name, disabled }) => [name, disabled]),
    [
      ['', undefined],
      ['requests_total', true],
    ],
  );
  assert.equal(client.metrics.length, 1);
  const none = merged(object('m', 'istio-system', '{ metrics: [{ providers: [{ name: zipkin }] }] }'));
  assert.deepEqual(
    none.server.metrics.map(({ name, disabled }) => [name, disabled]),
    [['', true]],
  );
});

test('a tracer of the older setting that TLS is asked for gets nothing, rather than plaintext', () => {
  const tracer = (tls: string): string | undefined => {
    const text = `apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
defaultConfig: { tracing: { zipkin: { address: "z.default:9411" }${tls} } }
`;
    const view = viewOf(parseText('t.yaml', text, { createdMs: 1 }).flatMap((one) => one.object ?? []));
    return mergeTelemetry([], meshSettings(view)).server.tracing?.provider?.zipkin?.service;
  };
  assert.equal(tracer(''), 'z.default');
  assert.equal(tracer(', tlsSettings: { mode: DISABLE }'), 'z.default');
  for (const mode of ['SIMPLE', 'ISTIO_MUTUAL'])
    assert.equal(tracer(`, tlsSettings: { mode: ${mode} }`), undefined, mode);
});
