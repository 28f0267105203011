import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadAll } from 'js-yaml';
import { staleAddons } from './gen-addons.ts';

const FOLDER = new URL('../samples/addons/', import.meta.url);

test('the dashboards are current', () => assert.deepEqual(staleAddons(), [], 'run tools/gen-addons.ts'));

test('addons stand under the names, ports and namespace that Istio’s documents use', () => {
  const services = new Map<string, readonly number[]>();
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.yaml') && name !== 'zipkin.yaml')) {
    for (const document of loadAll(readFileSync(new URL(file, FOLDER), 'utf8')) as Manifest[]) {
      if (document.metadata.namespace !== undefined) assert.equal(document.metadata.namespace, 'istio-system', file);
      if (document.kind === 'Service')
        services.set(
          document.metadata.name,
          (document.spec?.ports ?? []).map(({ port }) => port),
        );
    }
  }
  assert.deepEqual(services.get('prometheus'), [9090]);
  assert.deepEqual(services.get('grafana'), [3000]);
  assert.deepEqual(services.get('tracing'), [80, 16_685]);
  assert.deepEqual(services.get('zipkin'), [9411]);
  assert.deepEqual(services.get('jaeger-collector'), [9411, 4317, 4318]);
  assert.deepEqual(services.get('kiali'), [20_001, 9090]);
});

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly ports?: readonly { readonly port: number }[] };
}
