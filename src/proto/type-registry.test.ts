import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { types } from './type-registry.ts';

test('the registry knows every generated Envoy file', async () => {
  const folder = new URL('gen/', import.meta.url);
  const missing: string[] = [];
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    if (!/^(envoy|xds)\/(?!annotations).*_pb\.ts$/.test(path)) continue;
    const module = (await import(new URL(path, folder).href)) as Record<string, { kind?: string; typeName?: string }>;
    for (const desc of Object.values(module)) {
      if (desc?.kind === 'message' && desc.typeName !== undefined && types.getMessage(desc.typeName) === undefined)
        missing.push(desc.typeName);
    }
  }
  assert.deepEqual(missing, []);
});
