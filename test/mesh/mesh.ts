// A mesh of real processes for scenarios: a control plane, workloads with their proxies, a gateway, in a folder of its own.
import { spawn } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { ApplyAnswer, EdgeJson, ObjectJson, ProgrammedJson, ProxyJson, RunJson, StatusJson } from '#api';
import { callHttp } from '#io';
import { cleanEnv, MeshProcess } from './mesh-process.ts';
import { PORT_CLAIMS, testPorts } from './test-ports.ts';
import { until } from './until.ts';

export const root = join(import.meta.dirname, '../..');
export const seed = (name: string): string =>
  join(root, 'examples/seed', globSync(`${name}*.yaml`, { cwd: join(root, 'examples/seed') })[0] ?? name);
const SERVICE_PORT = 9080;
const ECHO = join(import.meta.dirname, 'echo-app.ts');
const INGRESS = 'istio-ingressgateway';
const ENDED_WITHIN_MS = 10_000;
export interface WorkloadAsk {
  /** Its Service, its label `app` and, if no other is given, its service account. */
  readonly app: string;
  readonly version?: string;
  readonly serviceAccount?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface MeshAsk {
  readonly workloads: readonly WorkloadAsk[];
  /** YAML beside the Services, which are written for each app. */
  readonly config?: readonly string[];
  readonly gateway?: boolean;
  readonly capture?: 'none' | 'userns' | 'netns';
  readonly dataPlane?: 'topsail' | 'envoy';
  /** Files below the mesh's folder that are there before anything starts, mode 0600. */
  readonly files?: Readonly<Record<string, string>>;
  /** For the control plane. */
  readonly discoveryEnv?: Readonly<Record<string, string>>;
  readonly discoveryFlags?: readonly string[];
}

export interface Order {
  readonly url: string;
  readonly count?: number;
  readonly concurrency?: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodies?: boolean;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly version: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface FlowEnd {
  readonly sent: number;
  readonly done: number;
  readonly slowestMs: number;
  readonly failures: readonly (Answer & { readonly atMs: number })[];
}

export interface OpenSocketState {
  readonly status: number;
  readonly closedMs: number;
  readonly echoed: number;
}

export interface Applied {
  readonly answer: ApplyAnswer;
  readonly programmed: ProgrammedJson;
}

export async function startMesh(ask: MeshAsk): Promise<TestMesh> {
  const mesh = new TestMesh(ask);
  try {
    await mesh.start();
    return mesh;
  } catch (error) {
    const logs = mesh.logs();
    await mesh.stop();
    throw new Error(`the mesh did not start: ${error instanceof Error ? error.message : String(error)}\n${logs}`, {
      cause: error,
    });
  }
}

export class TestMesh {
  readonly home: string;
  readonly processes = new Map<string, MeshProcess>();
  readonly #ask: MeshAsk;
  #run: RunJson | undefined;
  #http = 0;
  #https = 0;
  #pages = 0;

  constructor(ask: MeshAsk) {
    this.#ask = ask;
    this.home = mkdtempSync(join(tmpdir(), 'topsail-mesh-'));
  }

  async start(): Promise<void> {
    mkdirSync(join(this.home, 'logs'), { recursive: true });
    this.#writeConfig();
    this.writeFiles(this.#ask.files ?? {});
    const [xds = 0, monitoring = 0, api = 0, http = 0, https = 0] = await testPorts(5);
    mkdirSync(join(this.home, 'run'), { recursive: true, mode: 0o700 });
    symlinkSync(PORT_CLAIMS, join(this.home, 'run/ports'));
    this.#http = http;
    this.#https = https;
    const control = this.#add(
      'istiod',
      [
        ...['discovery', '--xds-port', String(xds), '--monitoring-port', String(monitoring), '--port', String(api)],
        ...(this.#ask.discoveryFlags ?? []),
      ],
      this.#ask.discoveryEnv ?? {},
    );
    await control.start();
    this.#readRun();
    const all = this.#ask.workloads.map((one) => this.#addWorkload(one));
    if (this.#ask.gateway === true) all.push(this.#addGateway());
    await Promise.all(all.map((one) => one.start()));
    await this.settled();
  }

  /** Below the mesh's folder, as an operator replaces them. */
  writeFiles(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.home, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: 0o600 });
    }
  }

  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.#http}`;
  }

  get gatewayHttpsPort(): number {
    return this.#https;
  }

  get run(): RunJson {
    if (this.#run === undefined) throw new Error('the control plane has not started');
    return this.#run;
  }

  process(name: string): MeshProcess {
    const found = this.processes.get(name);
    if (found === undefined)
      throw new Error(`no process is called ${name}; there are ${[...this.processes.keys()].join(', ')}`);
    return found;
  }

  /** Through the API, as `topsail apply --wait` does. */
  async apply(
    text: string,
    options: { readonly namespace?: string; readonly timeoutMs?: number } = {},
  ): Promise<Applied> {
    this.#pages += 1;
    const texts = [{ file: `edit-${this.#pages}.yaml`, text }];
    const answer = await this.api<ApplyAnswer>('POST', '/api/v1/apply', {
      texts,
      namespace: options.namespace ?? 'default',
    });
    const ids = answer.applied
      .filter((one) => one.action !== 'refused')
      .map((one) => `${one.kind}/${one.namespace}/${one.name}`);
    const query = new URLSearchParams({
      objects: ids.join(','),
      generation: String(answer.generation),
      timeoutMs: String(options.timeoutMs ?? 60_000),
    });
    return { answer, programmed: await this.api<ProgrammedJson>('GET', `/api/v1/wait?${query}`) };
  }

  async delete(kind: string, name: string, namespace = 'default'): Promise<void> {
    await this.api('POST', '/api/v1/delete', { objects: [{ kind, namespace, name }] });
  }

  /** The command line, as a user types it. */
  topsail(...args: string[]): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [meshEntry(), ...args], {
        env: { ...cleanEnv(), TOPSAIL_HOME: this.home, TOPSAIL_ROOT: root },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.once('close', (code) => resolve({ status: code ?? 1, stdout, stderr }));
    });
  }

  /** Makes a workload's application send requests into the mesh. */
  async order(workload: string, order: Order): Promise<readonly Answer[]> {
    return await this.tell<Answer[]>(workload, '/order', { count: 1, concurrency: 1, ...order });
  }

  async startFlow(workload: string, order: Order & { readonly id: string; readonly perSecond: number }): Promise<void> {
    await this.tell(workload, '/flow/start', order);
  }

  async stopFlow(workload: string, id: string): Promise<FlowEnd> {
    return await this.tell<FlowEnd>(workload, '/flow/stop', { id });
  }

  async openSockets(workload: string, url: string, count: number): Promise<readonly number[]> {
    return await this.tell<number[]>(workload, '/sockets/open', { url, count });
  }

  async socketStates(workload: string): Promise<readonly OpenSocketState[]> {
    return await this.tell<OpenSocketState[]>(workload, '/sockets/state', {});
  }

  /** Requests that the application itself has answered. */
  async served(workload: string): Promise<number> {
    return (await this.tell<{ served: number }>(workload, '/served', {})).served;
  }

  /** From now on the application answers everything with this status; 0 ends that. */
  async fail(workload: string, status: number): Promise<void> {
    await this.tell(workload, '/fail', { status });
  }

  tell<T>(workload: string, path: string, body: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#control(workload), method: 'POST', path, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(JSON.parse(text) as T));
      });
      asked.on('error', (error) =>
        reject(new Error(`${workload} takes no orders: ${error.message}\n${this.process(workload).tail()}`)),
      );
      asked.end(JSON.stringify(body));
    });
  }

  /** What an agent recorded about itself: bound ports, admin port. */
  record(workload: string): {
    readonly boundPorts: readonly { readonly port: number; readonly appPort: number; readonly boundPort: number }[];
    readonly adminPort: number;
  } {
    return JSON.parse(readFileSync(join(this.home, 'run/workloads', `${workload}.default.json`), 'utf8'));
  }

  /** Where peers reach a workload's proxy. */
  async meshAddress(workload: string): Promise<{ readonly host: string; readonly port: number }> {
    const { workloads } = await this.api<StatusJson>('GET', '/api/v1/status');
    const found = workloads.find((one) => one.name === workload);
    return { host: found?.address ?? '', port: this.record(workload).boundPorts[0]?.boundPort ?? 0 };
  }

  async api<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const url = new URL(this.run.address);
    const headers = {
      authorization: `Bearer ${this.run.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const answer = await callHttp({
      target: { host: url.hostname, port: Number(url.port) },
      method,
      path,
      headers,
      timeoutMs: 120_000,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer === undefined)
      throw new Error(`the control plane does not answer ${method} ${path}\n${this.process('istiod').tail()}`);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as T;
  }

  async object(kind: string, name: string, namespace = 'default'): Promise<ObjectJson | undefined> {
    return (await this.api<ObjectJson[]>('GET', `/api/v1/objects?kind=${kind}&name=${name}&namespace=${namespace}`))[0];
  }

  async edges(): Promise<readonly EdgeJson[]> {
    return await this.api<EdgeJson[]>('GET', '/api/v1/edges');
  }

  async proxies(): Promise<readonly ProxyJson[]> {
    return await this.api<ProxyJson[]>('GET', '/api/v1/proxies');
  }

  /** After a restart of the control plane: its token and process are others. */
  async restartControlPlane(): Promise<void> {
    await this.process('istiod').start();
    this.#readRun();
  }

  /** A text of the proxy's admin port. */
  async admin(workload: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    const answer = await callHttp({
      target: { host: '127.0.0.1', port: this.record(workload).adminPort },
      method,
      path,
      timeoutMs: 30_000,
    });
    return answer?.body ?? '';
  }

  logs(): string {
    return [...this.processes.values()].map((one) => one.tail()).join('\n');
  }

  /** Ends everything; fails when a process stays, which it then kills. */
  async stop(): Promise<void> {
    const pids = [...this.processes.values()].flatMap((one) => (one.running ? withDescendants(one.pid) : []));
    const control = this.processes.get('istiod');
    await Promise.all([...this.processes.values()].filter((one) => one !== control).map((one) => one.stop()));
    await control?.stop();
    // They were told to end, or killed; on a busy machine that takes its time.
    await until('the end of all', () => !pids.some(isAlive), ENDED_WITHIN_MS).catch(() => {});
    const left = pids.filter(isAlive);
    for (const pid of left) kill(pid);
    rmSync(this.home, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`processes were left behind: ${left.join(', ')}`);
  }

  #add(name: string, args: readonly string[], env: Readonly<Record<string, string>>): MeshProcess {
    const one = new MeshProcess({
      name,
      entry: meshEntry(),
      args: [...args, '--home', this.home],
      env: { TOPSAIL_ROOT: root, ...env },
      log: join(this.home, 'logs', `${name}.log`),
    });
    this.processes.set(name, one);
    return one;
  }

  #addWorkload(ask: WorkloadAsk): MeshProcess {
    const name = workloadName(ask);
    const account = ask.serviceAccount ?? ask.app;
    const labels = `app=${ask.app}${ask.version === undefined ? '' : `,version=${ask.version}`}`;
    const capture = [
      '--access-log',
      'stdout',
      '--capture',
      this.#ask.capture ?? 'none',
      '--data-plane',
      this.#ask.dataPlane ?? 'topsail',
    ];
    const args = [
      'run',
      '--home',
      this.home,
      '--name',
      name,
      '--service-account',
      account,
      '--labels',
      labels,
      '--port',
      `http:${SERVICE_PORT}`,
      ...capture,
      '--',
      process.execPath,
      ECHO,
    ];
    const env = {
      ECHO_NAME: name,
      ECHO_VERSION: ask.version ?? '',
      ECHO_CONTROL: this.#control(name),
      TOPSAIL_ROOT: root,
      ...ask.env,
    };
    const one = new MeshProcess({ name, entry: meshEntry(), args, env, log: join(this.home, 'logs', `${name}.log`) });
    this.processes.set(name, one);
    return one;
  }

  #addGateway(): MeshProcess {
    const args = [
      'gateway',
      '--home',
      this.home,
      '--name',
      INGRESS,
      '--namespace',
      'istio-system',
      '--service-account',
      INGRESS,
      '--labels',
      `app=${INGRESS},istio=ingressgateway`,
    ];
    const binds = [
      '--bind',
      `8080=${this.#http}`,
      '--bind',
      `8443=${this.#https}`,
      '--access-log',
      'stdout',
      '--data-plane',
      this.#ask.dataPlane ?? 'topsail',
    ];
    const one = new MeshProcess({
      name: INGRESS,
      entry: meshEntry(),
      args: [...args, ...binds],
      env: { TOPSAIL_ROOT: root },
      log: join(this.home, 'logs', `${INGRESS}.log`),
    });
    this.processes.set(INGRESS, one);
    return one;
  }

  #writeConfig(): void {
    const folder = join(this.home, 'config');
    mkdirSync(folder, { recursive: true });
    const apps = new Set(this.#ask.workloads.map((one) => one.app));
    const services = [...apps].map(
      (app) =>
        `apiVersion: v1\nkind: Service\nmetadata: { name: ${app}, namespace: default, labels: { app: ${app} } }\nspec:\n  selector: { app: ${app} }\n  ports: [{ name: http, port: ${SERVICE_PORT} }]\n`,
    );
    const own = this.#ask.config ?? [];
    const mesh = own.some((text) => text.includes('kind: ConfigMap'))
      ? []
      : [readFileSync(join(root, 'examples/bookshop/mesh.yaml'), 'utf8')];
    const ingress =
      this.#ask.gateway === true ? [readFileSync(join(root, 'examples/bookshop/ingress-service.yaml'), 'utf8')] : [];
    writeFileSync(join(folder, 'fixture.yaml'), [...services, ...mesh, ...ingress].join('---\n'));
    own.forEach((text, i) => writeFileSync(join(folder, `given-${i}.yaml`), text));
  }

  #control(workload: string): string {
    return join(this.home, `${workload}.sock`);
  }

  #readRun(): void {
    this.#run = JSON.parse(readFileSync(join(this.home, 'run.json'), 'utf8')) as RunJson;
  }

  /** Everybody is connected, healthy and has the newest. */
  async settled(wanted = this.#ask.workloads.length): Promise<void> {
    let seen = '';
    const settled = async (): Promise<boolean> => {
      const status = await this.api<StatusJson>('GET', '/api/v1/status');
      seen = JSON.stringify(status.workloads);
      const healthy = status.workloads.filter((one) => one.health === 'healthy' && one.connected).length;
      return healthy >= wanted && status.proxies.every((one) => one.watermark >= status.snapshot);
    };
    await until(() => `not everybody is healthy: ${seen}`, settled);
  }
}

export function workloadName(ask: WorkloadAsk): string {
  return ask.version === undefined ? ask.app : `${ask.app}-${ask.version}`;
}

/** The bundle when it is there, as users run it; $TOPSAIL_ENTRY names another. */
export function meshEntry(): string {
  const given = process.env['TOPSAIL_ENTRY'] ?? '';
  if (given !== '') return given;
  const bundle = join(root, 'dist/topsail.js');
  return existsSync(bundle) ? bundle : join(root, 'src/main/cli.ts');
}

/** One may have ended meanwhile. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Zombies are over. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

/** A process and all below it. */
export function withDescendants(pid: number): number[] {
  const found = [pid];
  for (let i = 0; i < found.length; i++) {
    try {
      const children = readFileSync(`/proc/${found[i]}/task/${found[i]}/children`, 'utf8');
      found.push(
        ...children
          .split(' ')
          .filter((text) => text !== '')
          .map(Number),
      );
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
