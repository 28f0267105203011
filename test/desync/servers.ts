// Five servers that read HTTP/1.1 each in its own way: nginx, HAProxy, Node, Python and Go. Each echoes method and target.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../mesh/test-ports.ts';

export interface EchoServer {
  readonly name: string;
  readonly port: number;
  close(): void;
}

export interface ServerKind {
  readonly name: string;
  /** Undefined when it can run here, else what is missing. */
  missing(): string | undefined;
  start(): Promise<EchoServer>;
}

function onPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

const nginx: ServerKind = {
  name: 'nginx',
  missing: () => (onPath('nginx') ? undefined : "no nginx: install the package 'nginx-light'"),
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-nginx-'));
    const port = await freePort();
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const server = `server { listen 127.0.0.1:${port}; location / { return 200 "$request_method $request_uri\\n"; } }`;
    const config = `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; events {} http { access_log off; keepalive_timeout 3600s; ${temp.join(' ')} ${server} }`;
    writeFileSync(join(folder, 'nginx.conf'), config);
    const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return await running('nginx', child, port, folder);
  },
};

const haproxy: ServerKind = {
  name: 'HAProxy',
  missing: () => (onPath('haproxy') ? undefined : "no HAProxy: install the package 'haproxy'"),
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-haproxy-'));
    const port = await freePort();
    const config = [
      'defaults',
      '  mode http',
      '  timeout client 300s',
      '  timeout server 300s',
      '  timeout connect 60s',
      'frontend echo',
      `  bind 127.0.0.1:${port}`,
      '  http-request wait-for-body time 60s',
      '  http-request return status 200 content-type text/plain lf-string "%[method] %[pathq]\\n"',
    ];
    writeFileSync(join(folder, 'haproxy.cfg'), `${config.join('\n')}\n`);
    const child = spawn('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
    return await running('HAProxy', child, port, folder);
  },
};

const node: ServerKind = {
  name: 'Node',
  missing: () => undefined,
  async start() {
    const server = createServer((asked, answer) => {
      asked.resume();
      asked.once('end', () => answer.end(`${asked.method} ${asked.url}\n`));
    }).listen(0, '127.0.0.1');
    // Here and below: connections of the proxy rest for as long as a busy machine takes.
    server.keepAliveTimeout = 0;
    await once(server, 'listening');
    return {
      name: 'Node',
      port: (server.address() as { port: number }).port,
      close: () => (server.closeAllConnections(), void server.close()),
    };
  },
};

const python: ServerKind = {
  name: 'Python',
  missing: () => (onPath('python3') ? undefined : 'no python3'),
  start: () =>
    printing(
      'Python',
      spawn('python3', [join(import.meta.dirname, 'server.py')], { stdio: ['ignore', 'pipe', 'inherit'] }),
    ),
};

const go: ServerKind = {
  name: 'Go',
  missing: () => (onPath('go') || existsSync(goProgram()) ? undefined : 'no Go'),
  start() {
    if (!existsSync(goProgram())) {
      mkdirSync(join(goProgram(), '..'), { recursive: true });
      const env = { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
      execFileSync('go', ['build', '-o', goProgram(), join(import.meta.dirname, 'server.go')], {
        env,
        stdio: 'inherit',
      });
    }
    return printing('Go', spawn(goProgram(), { stdio: ['ignore', 'pipe', 'inherit'] }));
  },
};

/** Built once and kept, as .ci/run keeps the others. */
function goProgram(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'topsail/bin/desync-server-1');
}

async function printing(name: string, child: ChildProcess): Promise<EchoServer> {
  const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string];
  return { name, port: Number(line), close: () => void child.kill('SIGKILL') };
}

async function running(name: string, child: ChildProcess, port: number, folder: string): Promise<EchoServer> {
  const close = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (const end = performance.now() + 120_000; performance.now() < end && child.exitCode === null; await sleep(20)) {
    const socket = connect(port, '127.0.0.1');
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (up) return { name, port, close };
  }
  close();
  throw new Error(`${name} did not start`);
}

export const SERVERS: readonly ServerKind[] = [nginx, haproxy, node, python, go];
