// Transparent capture with real namespaces, real rules and clients that know nothing of a mesh (design §3c, tiers 1 and 2).
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { isAlive, meshEntry, root, startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { cleanEnv } from '../../mesh/mesh-process.ts';
import { until } from '../../mesh/until.ts';

const SERVICES = `
apiVersion: v1
kind: Service
metadata: { name: plain, namespace: default }
spec:
  selector: { app: reviews }
  ports: [{ name: tcp, port: 7000, targetPort: 9080 }]
---
apiVersion: v1
kind: Service
metadata: { name: headless, namespace: default }
spec:
  clusterIP: None
  selector: { app: reviews }
  ports: [{ name: http, port: 9080 }]
---
apiVersion: v1
kind: Service
metadata: { name: greeter, namespace: default }
spec:
  selector: { app: greeter }
  ports: [{ port: 7100 }]
`;

/** A server that speaks first, on a port whose protocol nobody named. */
const GREETER = `exec python3 -c '
import socket
server = socket.create_server(("0.0.0.0", 7100))
while True:
  client, _ = server.accept()
  client.sendall(b"220 hello")
  client.close()
'`;
const GREETED = `python3 -c '
import socket, time
for attempt in range(600):
  try:
    said = socket.create_connection(("greeter", 7100), 60).recv(64)
  except OSError:
    said = b""
  if said:
    break
  time.sleep(0.1)
print(said.decode())
'`;
const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: default }
spec: { mtls: { mode: STRICT } }
`;

/** Nobody who writes to a pipe is so slow once its agent has gone. */
const PIPES_KEPT_MS = 5_000;

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

interface Record {
  readonly agent: { readonly pid: number };
  readonly app: { readonly pid: number };
  readonly netns?: string;
  readonly boundPorts: readonly { readonly boundPort: number }[];
}

function rootOnly(): string | false {
  return process.getuid?.() === 0 ? false : 'needs root';
}

for (const tier of ['userns', 'netns'] as const) {
  describe(`captured by ${tier}`, { skip: tier === 'netns' ? rootOnly() : false }, () => {
    let mesh: TestMesh;
    before(async () => {
      mesh = await startMesh({
        workloads: [{ app: 'reviews' }, { app: 'ratings' }],
        capture: tier,
        config: [SERVICES, STRICT],
      });
    });
    after(async () => {
      const left = [record(mesh, 'reviews'), record(mesh, 'ratings')];
      await mesh.stop();
      for (const one of left) {
        assert.ok(!isAlive(one.app.pid), 'the application is gone');
        assert.ok(one.netns === undefined || !namespaces().includes(one.netns), 'so is its namespace');
      }
    });

    const run = (script: string): Promise<Ran> => runWorkload(mesh, tier, script);

    test('curl reaches services by every form of their name, with no word about a proxy', async () => {
      const names = ['reviews', 'reviews.default', 'reviews.default.svc', 'reviews.default.svc.cluster.local'];
      const { out, err } = await run(
        `env | grep -ic proxy; for n in ${names.join(' ')}; do curl -s -m 60 -o /dev/null -w '%{http_code}\\n' http://$n:9080/; done`,
      );
      assert.deepEqual(out.trim().split('\n'), ['0', '200', '200', '200', '200'], err);
    });

    test('so do Python, a TCP service and a headless one', async () => {
      const python = 'import urllib.request as u; print(u.urlopen("http://reviews:9080/", timeout=60).status)';
      const { out, err } = await run(
        `python3 -c '${python}'; for u in plain:7000 headless:9080; do curl -s -m 60 -o /dev/null -w '%{http_code}\\n' http://$u/; done`,
      );
      assert.deepEqual(out.trim().split('\n'), ['200', '200', '200'], err);
    });

    test('a server that speaks first is heard, though nobody named its protocol', async () => {
      const greeter = start(mesh, tier, GREETER, 'greeter', ['--port', '7100']);
      const { out, err } = await run(GREETED);
      greeter.kill('SIGTERM');
      await greeter.ended;
      assert.equal(out.trim(), '220 hello', err);
    });

    test('the proxies of both ends are replaced, and serve with two threads then: no request and no name is lost', async () => {
      const before = [record(mesh, 'reviews'), record(mesh, 'ratings')];
      await mesh.startFlow('ratings', { id: 'replaced', url: 'http://reviews:9080/', perSecond: 40 });
      const flags = ['--concurrency', '2', '--drain-time-s', '12'];
      const ends = await Promise.all(
        ['reviews', 'ratings'].map((name) => mesh.topsail('proxy-replace', name, ...flags)),
      );
      for (const { status, stderr } of ends) assert.equal(status, 0, stderr);
      for (const name of ['reviews', 'ratings'])
        assert.match((await mesh.topsail('proxy-status', name)).stdout, /2 workers\n/);
      const end = await mesh.stopFlow('ratings', 'replaced');
      assert.deepEqual(end.failures, []);
      assert.ok(end.done > 0);
      const after = [record(mesh, 'reviews'), record(mesh, 'ratings')];
      assert.deepEqual(
        after.map(({ agent, app }) => [agent, app]),
        before.map(({ agent, app }) => [agent, app]),
      );
      const { out, err } = await run("curl -s -m 60 -o /dev/null -w '%{http_code}\\n' http://reviews:9080/");
      assert.equal(out.trim(), '200', err);
    });

    test('a service keeps its address, has no IPv6 one, and what does not exist is not found', async () => {
      const { out } = await run(
        'getent ahostsv4 reviews | head -1; getent ahostsv4 reviews | head -1; getent ahostsv6 reviews | grep -vc ::ffff; getent hosts nothing.invalid || echo none',
      );
      const [first = '', second, v6, none] = out.trim().split('\n');
      assert.match(first, /^240\.240\./);
      assert.equal(first, second);
      assert.equal(v6, '0');
      assert.equal(none, 'none');
    });

    test('the application is who it was, and its end is ours', async () => {
      const { status, out } = await run(
        'id -u; nft flush ruleset 2>/dev/null; for i in $(seq 120); do code=$(curl -s -m 60 -o /dev/null -w "%{http_code}" http://reviews:9080/); [ "$code" = 200 ] && break; sleep 0.5; done; echo $code; exit 7',
      );
      assert.equal(status, 7);
      const [uid, code] = out.trim().split('\n');
      assert.equal(uid, String(process.getuid?.()));
      // As real root in a namespace of the host it may do that, and then reaches nothing, until its agent puts them back.
      assert.equal(code, '200');
    });

    test('a signal reaches it', async () => {
      const child = start(
        mesh,
        tier,
        'trap "echo stopped; exit 0" TERM; echo began; while :; do sleep 0.1 & wait; done',
      );
      await until('the application', () => child.text().includes('began'));
      child.kill('SIGTERM');
      await child.ended;
      assert.match(child.text(), /stopped/);
    });

    test('outsiders are refused on its port under STRICT', async () => {
      const { boundPorts, netns } = record(mesh, 'reviews');
      if (netns === undefined) assert.equal(await plainStatus('127.0.0.1', 9080), 'ECONNREFUSED');
      const at = netns === undefined ? '127.0.0.1' : addressOf(netns);
      const answer = await plainStatus(at, boundPorts[0]?.boundPort ?? 0);
      assert.ok(answer === 'ECONNRESET' || answer === 'ECONNREFUSED', String(answer));
    });

    test('between two workloads there is TLS and no cleartext', { skip: rootOnly() }, async () => {
      const { boundPorts, netns } = record(mesh, 'reviews');
      const filter =
        netns === undefined ? `tcp port ${boundPorts[0]?.boundPort}` : `host ${addressOf(netns)} and tcp port 9080`;
      const dump = spawn(
        'tcpdump',
        ['-i', netns === undefined ? 'lo' : `tsl${netns.split('-')[1]}`, '-U', '--immediate-mode', '-w', '-', filter],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const chunks: Buffer[] = [];
      dump.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      await new Promise<void>((resolve) =>
        dump.stderr.on('data', (said: Buffer) => said.toString().includes('listening') && resolve()),
      );
      const { out } = await run(
        "curl -s -m 60 -H 'x-secret: do-not-look-at-me' -o /dev/null -w '%{http_code}\\n' http://reviews:9080/",
      );
      await until('a TLS handshake', () => Buffer.concat(chunks).includes('\x16\x03', 0, 'latin1'));
      dump.kill('SIGINT');
      await new Promise<void>((resolve) => dump.once('close', () => resolve()));
      assert.equal(out.trim(), '200');
      const seen = Buffer.concat(chunks).toString('latin1');
      assert.ok(seen.includes('\x16\x03'), 'a TLS handshake');
      for (const word of ['do-not-look-at-me', 'HTTP/1.1', 'GET /']) assert.ok(!seen.includes(word), word);
    });

    test('when its agent is killed the application goes, and the next start removes what stayed', async () => {
      const child = start(mesh, tier, 'echo began; exec sleep 100', 'victim');
      await until('the application', () => child.text().includes('began'));
      const { agent, app, netns } = record(mesh, 'victim');
      process.kill(agent.pid, 'SIGKILL');
      await child.ended;
      await until('the end of the application', () => !isAlive(app.pid));
      await run('true');
      assert.ok(netns === undefined || !namespaces().includes(netns));
    });
  });
}

interface Started {
  readonly ended: Promise<number>;
  text(): string;
  error(): string;
  kill(signal: NodeJS.Signals): void;
}

function start(mesh: TestMesh, tier: string, script: string, name = 'client', more: readonly string[] = []): Started {
  const args = [
    meshEntry(),
    'run',
    '--home',
    mesh.home,
    '--name',
    name,
    '--labels',
    `app=${name}`,
    '--capture',
    tier,
    '--log-level',
    'error',
    ...more,
    '--',
    'sh',
    '-c',
    script,
  ];
  const child = spawn(process.execPath, args, {
    env: { ...cleanEnv(), TOPSAIL_ROOT: root },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk));
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      const over = (): void => {
        clearTimeout(late);
        child.stdout.destroy();
        child.stderr.destroy();
        resolve(code ?? 1);
      };
      // All that was said has been read then; but a grandchild may keep the pipe.
      child.once('close', over);
      const late = setTimeout(over, PIPES_KEPT_MS);
    });
  });
  return {
    ended,
    text: () =>
      out
        .split('\n')
        .filter((line) => !line.startsWith('{"authority"'))
        .join('\n'),
    error: () => err,
    kill: (signal) => child.kill(signal),
  };
}

async function runWorkload(mesh: TestMesh, tier: string, script: string): Promise<Ran> {
  const child = start(mesh, tier, script);
  const status = await child.ended;
  return { status, out: child.text(), err: child.error() };
}

function record(mesh: TestMesh, name: string): Record {
  return JSON.parse(readFileSync(join(mesh.home, 'run/workloads', `${name}.default.json`), 'utf8')) as Record;
}

function namespaces(): string {
  return spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
}

function addressOf(netns: string): string {
  const text = execFileSync('ip', ['-netns', netns, '-4', '-o', 'address', 'show', 'dev', 'eth0'], {
    encoding: 'utf8',
  });
  return /inet ([\d.]+)/.exec(text)?.[1] ?? '';
}

function plainStatus(host: string, port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path: '/', agent: false, timeout: 60_000 }, (response) =>
      resolve(response.statusCode ?? 0),
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
  });
}
