// Images go to Debian's docker-registry, a real one of the OCI distribution API, and come back as they were.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeImage } from '#controllers';
import { pushImage } from '../../../src/main/push-image.ts';
import { freePort } from '../../mesh/test-ports.ts';

const PROGRAM = process.env['DOCKER_REGISTRY_PATH'] ?? 'docker-registry';
const absent = spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).error !== undefined;
const PATIENCE_MS = 60_000;
const ACCEPT = { headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } };

const image = makeImage('amd64', { entrypoint: ['/x'], user: '1337', env: {}, workingDir: '/', labels: {} }, [
  [{ path: 'x', kind: 'file', mode: 0o755, content: Buffer.alloc(300_000, 7) }],
]);

describe('a real registry', {
  skip: absent ? 'docker-registry is not installed: apt-get install docker-registry' : false,
}, () => {
  let program: ChildProcess | undefined;
  let folder = '';
  let host = '';
  const said: string[] = [];
  const options = { insecure: true, say: (text: string) => void said.push(text) };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'topsail-registry-'));
    host = `127.0.0.1:${await freePort()}`;
    const config = join(folder, 'config.yml');
    writeFileSync(
      config,
      `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${folder}/data } }\nhttp: { addr: '${host}' }\n`,
    );
    program = spawn(PROGRAM, ['serve', config], { stdio: 'ignore' });
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(50))
      if (
        await fetch(`http://${host}/v2/`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return;
    throw new Error('docker-registry does not answer');
  });
  after(() => {
    program?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes an image, and gives its manifest and layers back', async () => {
    await pushImage(`${host}/mesh/topsail:1`, image, options);
    const answer = await fetch(`http://${host}/v2/mesh/topsail/manifests/1`, ACCEPT);
    assert.equal(answer.headers.get('docker-content-digest'), image.manifest.digest);
    const { layers, config } = (await answer.json()) as { layers: { digest: string }[]; config: { digest: string } };
    for (const { digest } of [...layers, config]) {
      const blob = await (await fetch(`http://${host}/v2/mesh/topsail/blobs/${digest}`)).arrayBuffer();
      assert.equal(`sha256:${createHash('sha256').update(Buffer.from(blob)).digest('hex')}`, digest);
    }
  });

  it('is sent nothing twice, and layers of another repository are borrowed there', async () => {
    await pushImage(`${host}/mesh/topsail:2`, image, options);
    assert.match(said.at(-1) ?? '', /0\.0 MB sent/);
    await pushImage(`${host}/mesh/bookshop:1`, image, { ...options, mountFrom: 'mesh/topsail' });
    assert.match(said.at(-1) ?? '', /0\.0 MB sent/);
    assert.ok((await fetch(`http://${host}/v2/mesh/bookshop/manifests/1`, ACCEPT)).ok);
  });
});
