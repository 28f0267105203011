// Real servers that say which of their handlers ran, each by its own reading of the request: Node, nginx, Python, Go.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../proxy-fixture.ts';
import { freePort } from '../../../mesh/test-ports.ts';

export const SERVERS = ['node', 'nginx', 'python', 'go'] as const;
export type ServerName = (typeof SERVERS)[number];

export interface NaiveServer {
  readonly port: number;
  close(): void;
}

/** What the machine lacks for it; undefined when it can run. */
export function missing(name: ServerName): string | undefined {
  const program = { node: undefined, nginx: 'nginx', python: 'python3', go: 'go' }[name];
  if (program === undefined) return undefined;
  return spawnSync(program, [name === 'nginx' ? '-v' : name === 'go' ? 'version' : '--version']).error === undefined
    ? undefined
    : `there is no ${program}`;
}

export function startServer(name: ServerName): Promise<NaiveServer> {
  if (name === 'node') return startNode();
  if (name === 'nginx') return startNginx();
  if (name === 'python') return startChild('python3', [join(import.meta.dirname, 'naive.py')]);
  return startChild(goProgram(), []);
}

/** As a careless application routes: without query, dots, slashes and escapes resolved once. */
function nodeHandler(target: string): string {
  const text = target.startsWith('/') ? `http://a${target.replace(/^\/+/, '/')}` : target;
  let path = URL.canParse(text, 'http://a') ? new URL(text, 'http://a').pathname : target;
  try {
    path = decodeURIComponent(path);
  } catch {
    // It routes by what it got.
  }
  path = path.replace(/\/+/g, '/');
  if (path === '/exact') return 'exact';
  if (path.startsWith('/admin')) return 'admin';
  if (path.endsWith('/secret')) return 'secret';
  return /^\/t\/[^/]+\/private$/.test(path) ? 'private' : 'none';
}

async function startNode(): Promise<NaiveServer> {
  return await startApp((request, response) => {
    const host = (request.headers.host ?? '').replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
    const roles = String(request.headers['x-role'] ?? '').split(', ');
    response.setHeader(
      'x-handler',
      [
        nodeHandler(request.url ?? ''),
        host === 'shop.example' ? 'shop' : 'other',
        roles.includes('admin') ? 'role' : 'none',
        request.method,
      ].join(','),
    );
    response.end();
  });
}

async function startNginx(): Promise<NaiveServer> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-nginx-'));
  const port = await freePort();
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log crit;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  map $host $shop { default other; shop.example shop; }
  map $http_x_role $role { default none; ~(^|,\\ *)admin(,|$) role; }
  server {
    listen 127.0.0.1:${port} default_server; server_name _;
    add_header x-handler "$found,$shop,$role,$request_method" always;
    set $found none;
    location = /exact { set $found exact; return 200; }
    location ^~ /admin { set $found admin; return 200; }
    location ~ /secret$ { set $found secret; return 200; }
    location ~ ^/t/[^/]+/private$ { set $found private; return 200; }
    location / { return 200; }
  }
}
`,
  );
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
  for (const end = performance.now() + 120_000; ; ) {
    const up = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (up) break;
    if (performance.now() > end || child.exitCode !== null)
      throw new Error(`nginx does not start: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, close: () => (child.kill('SIGQUIT'), rmSync(folder, { recursive: true, force: true })) };
}

/** Built once a machine. */
function goProgram(): string {
  const source = join(import.meta.dirname, 'naive.go');
  const name = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(homedir(), '.cache/topsail');
  const program = join(folder, `naive-${name}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const built = spawnSync('go', ['build', '-o', program, source], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  return program;
}

/** It prints its port first. */
function startChild(program: string, args: readonly string[]): Promise<NaiveServer> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${program} ended`)));
    child.stdout?.once('data', (data: Buffer) =>
      resolve({ port: Number(data.toString()), close: () => void child.kill() }),
    );
  });
}
