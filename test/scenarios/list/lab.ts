// A laboratory: the control plane in this process, and a client's sidecar, a server's sidecar and a gateway as processes of one
// data plane, all started from one kind of bootstrap, the agent's for Envoy.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { envoyBootstrap } from '#agent';
import { ENVOY_PEER_ENVIRONMENT, formatNodeId, type NodeId, type NodeMetadata, serviceLoopback } from '#base';
import { encodePeerMetadata, localPeer } from '#telemetry';
import { holdBlock } from '../../../src/main/claim-block.ts';
import { traceEnvironment } from '../../../src/main/trace-environment.ts';
import { testPorts } from '../../mesh/test-ports.ts';
import { type Backends, startBackends } from './backends.ts';
import { Certificates } from './certificates.ts';
import { type Applied, ControlPlane } from './control-plane.ts';
import { fixture, GATEWAY_PORTS, meshConfig, SERVER_PORTS } from './fixture.ts';
import { type LabAgent, serveAgent } from './lab-agent.ts';

export type Plane = 'topsail' | 'envoy';
export type Role = 'client' | 'server' | 'gateway';
export const ROLES: readonly Role[] = ['client', 'server', 'gateway'];
const DOMAIN = 'cluster.local';
const READY_MS = 120_000;
/** Region, zone and sub-zone of the client. */
const CLIENT_PLACE = 'here.near.next';

interface Member {
  readonly role: Role;
  readonly id: NodeId;
  readonly principal: string;
  readonly metadata: Partial<NodeMetadata>;
  readonly adminPort: number;
  readonly log: string;
  child?: ChildProcess;
  agent?: LabAgent;
}

export interface LabOptions {
  readonly plane: Plane;
  /** Program and first arguments: Envoy, or Node with Topsail's entry. */
  readonly command: readonly string[];
}

export class Lab {
  readonly plane: Plane;
  readonly backends: Backends;
  readonly certificates: Certificates;
  readonly control: ControlPlane;
  readonly block: string;
  readonly httpProxyPort: number;
  readonly gatewayPorts: Readonly<Record<number, number>>;
  readonly serverPorts: Readonly<Record<number, number>>;
  readonly #members: readonly Member[];
  readonly #folder: string;

  private constructor(parts: {
    options: LabOptions;
    folder: string;
    backends: Backends;
    certificates: Certificates;
    ports: readonly number[];
    /** Of loopback addresses: two labs of one machine must not share theirs. */
    block: string;
  }) {
    const { options, folder, ports } = parts;
    const rest = [...ports];
    const next = (): number => rest.pop() ?? 0;
    this.plane = options.plane;
    this.backends = parts.backends;
    this.certificates = parts.certificates;
    this.#folder = folder;
    this.httpProxyPort = next();
    this.gatewayPorts = Object.fromEntries(GATEWAY_PORTS.map((port) => [port, next()]));
    this.serverPorts = Object.fromEntries(Object.values(SERVER_PORTS).map((port) => [port, next()]));
    this.block = parts.block;
    const applications: Record<number, number> = {
      [SERVER_PORTS.http]: this.backends.port('server'),
      [SERVER_PORTS.tcp]: this.backends.port('server-tcp'),
      [SERVER_PORTS.grpc]: this.backends.port('server'),
    };
    const common = { INTERCEPTION_MODE: 'NONE', TOPSAIL_DATA_PLANE: options.plane, CLUSTER_ID: 'Kubernetes' } as const;
    this.#members = [
      this.#member('client', 'default', next(), {
        ...common,
        LABELS: { app: 'client', version: 'v1', 'istio-locality': CLIENT_PLACE },
        TOPSAIL_LOOPBACK_BLOCK: this.block,
        TOPSAIL_HTTP_PROXY_PORT: this.httpProxyPort,
      }),
      this.#member('server', 'default', next(), {
        ...common,
        LABELS: { app: 'server', version: 'v1' },
        TOPSAIL_BOUND_PORTS: Object.entries(this.serverPorts).map(([port, boundPort]) => ({
          port: Number(port),
          appPort: applications[Number(port)] ?? 0,
          boundPort,
        })),
      }),
      this.#member('gateway', 'istio-system', next(), {
        ...common,
        LABELS: {
          istio: 'ingressgateway',
          app: 'istio-ingressgateway',
          'gateway.networking.k8s.io/gateway-name': 'entrance',
          'gateway.networking.k8s.io/gateway-class-name': 'istio',
        },
        TOPSAIL_GATEWAY_PORTS: Object.fromEntries(Object.entries(this.gatewayPorts)),
        TOPSAIL_GATEWAY_BIND: '127.0.0.1',
      }),
    ];
    this.control = new ControlPlane(
      (node) => this.#members.find((one) => formatNodeId(one.id) === node.id)?.principal ?? '',
    );
  }

  static async start(options: LabOptions): Promise<Lab> {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-lab-'));
    const certificates = new Certificates();
    const { certPem, keyPem } = certificates.of('secure.example.com');
    const backends = await startBackends({ cert: certPem, key: keyPem, roots: certificates.rootsPem });
    const count = 1 + GATEWAY_PORTS.length + Object.keys(SERVER_PORTS).length + ROLES.length;
    const ports = await testPorts(count);
    const lab = new Lab({ options, folder, backends, certificates, ports, block: await freeBlock() });
    try {
      await lab.apply('');
      for (const member of lab.#members) await lab.#startMember(member, options);
      await lab.control.settled(ROLES.length, READY_MS);
      await lab.#answering();
      return lab;
    } catch (error) {
      const logs = ROLES.map((role) => lab.log(role)).join('\n');
      await lab.close();
      throw new Error(`the lab did not start: ${(error as Error).message}\n${logs.slice(-3000)}`, { cause: error });
    }
  }

  /** The fixture and this configuration, acknowledged by everyone. */
  async apply(config: string, mesh = ''): Promise<Applied> {
    const texts = [fixture({ backends: this.backends, server: this.serverPorts }), meshConfig(mesh), config];
    const applied = this.control.apply(texts);
    if (this.#members.every((one) => one.child !== undefined)) await this.control.settled(ROLES.length);
    return applied;
  }

  /** Where the client's sidecar listens for a service of the mesh. */
  loopback(host: string): string {
    const full = host.includes('.') ? host : `${host}.default.svc.${DOMAIN}`;
    return serviceLoopback(this.block, full);
  }

  /** A file with roots, a revocation list, or half of a pair: `roots`, `crl:NAME`, `cert:NAME`, `key:NAME`. */
  file(what: string): string {
    const [kind = '', name = ''] = what.split(':', 2);
    const made: Readonly<Record<string, () => string>> = {
      roots: () => this.certificates.rootsPem,
      crl: () => this.certificates.revocationList(name),
      cert: () => this.certificates.of(name).certPem,
      key: () => this.certificates.of(name).keyPem,
    };
    const path = join(this.#folder, `${kind}-${name}.pem`);
    if (!existsSync(path)) writeFileSync(path, made[kind]?.() ?? '', { mode: 0o600 });
    return path;
  }

  /** For what only this lab needs. */
  get folder(): string {
    return this.#folder;
  }

  log(role: Role): string {
    try {
      return readFileSync(this.#of(role).log, 'utf8');
    } catch {
      return '';
    }
  }

  logBytes(role: Role): number {
    return statSync(this.#of(role).log).size;
  }

  /** Whole lines, since it had so many bytes. */
  logSince(role: Role, bytes: number): string {
    const file = openSync(this.#of(role).log, 'r');
    try {
      const rest = Buffer.alloc(Math.max(0, fstatSync(file).size - bytes));
      const text = rest.toString('utf8', 0, readSync(file, rest, 0, rest.length, bytes));
      return text.slice(0, text.lastIndexOf('\n') + 1);
    } finally {
      closeSync(file);
    }
  }

  async admin(role: Role, path: string): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#of(role).adminPort}${path}`);
    return await answer.text();
  }

  /** Ours are written once a second. */
  async flushLogs(role: Role): Promise<void> {
    if (this.plane === 'topsail')
      await fetch(`http://127.0.0.1:${this.#of(role).adminPort}/reopen_logs`, { method: 'POST' });
  }

  /** Counters by name, as /stats has them. */
  async counters(role: Role, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const text = await this.admin(role, '/stats');
    const wanted = new Map(names.map((name) => [name, 0]));
    for (const line of text.split('\n')) {
      const cut = line.lastIndexOf(': ');
      const name = line.slice(0, cut);
      if (wanted.has(name)) wanted.set(name, Number(line.slice(cut + 2)));
    }
    return wanted;
  }

  /** Istio's, of what the proxy carried: of a stock Envoy its agent tells. */
  async metrics(role: Role): Promise<string> {
    if (this.plane === 'envoy') return this.#of(role).agent?.prometheus() ?? '';
    return await this.admin(role, '/stats/prometheus');
  }

  async close(): Promise<void> {
    for (const { child } of this.#members) child?.kill('SIGKILL');
    for (const { agent } of this.#members) await agent?.close();
    this.control.close();
    this.backends.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #of(role: Role): Member {
    return this.#members.find((one) => one.role === role) as Member;
  }

  #member(role: Role, namespace: string, adminPort: number, metadata: Partial<NodeMetadata>): Member {
    const id: NodeId = {
      type: role === 'gateway' ? 'router' : 'sidecar',
      ip: '127.0.0.1',
      workload: `${role}-1`,
      namespace,
      domain: DOMAIN,
    };
    return {
      role,
      id,
      principal: `spiffe://${DOMAIN}/ns/${namespace}/sa/${role}`,
      metadata: { NAMESPACE: namespace, SERVICE_ACCOUNT: role, WORKLOAD_NAME: id.workload, ...metadata },
      adminPort,
      log: join(this.#folder, `${role}.log`),
    };
  }

  async #startMember(member: Member, { plane, command }: LabOptions): Promise<void> {
    const { role, principal, adminPort } = member;
    const socket = join(this.#folder, `${role}.sock`);
    const metadata = member.metadata as NodeMetadata;
    member.agent = await serveAgent({
      socket,
      metadata,
      certificate: this.certificates.of(principal),
      rootsPem: this.certificates.rootsPem,
      xds: this.control.xds,
    });
    const nodeId = formatNodeId(member.id);
    const bootstrap = join(this.#folder, `${role}.json`);
    writeFileSync(bootstrap, envoyBootstrap({ nodeId, cluster: role, metadata, adminPort, socket }));
    const own =
      plane === 'envoy'
        ? [
            '--disable-hot-restart',
            '--concurrency',
            '1',
            '-l',
            'warning',
            '--file-flush-interval-msec',
            '5',
            '--drain-time-s',
            '1',
          ]
        : ['-l', process.env['LAB_LOG'] ?? 'warning'];
    const out = openSync(member.log, 'a');
    const child = spawn(command[0] as string, [...command.slice(1), '-c', bootstrap, ...own], {
      stdio: ['ignore', out, out],
      env: {
        ...process.env,
        [ENVOY_PEER_ENVIRONMENT.metadata]: encodePeerMetadata(localPeer(metadata)),
        [ENVOY_PEER_ENVIRONMENT.id]: nodeId,
        ...traceEnvironment(localPeer(metadata), metadata),
      },
    });
    closeSync(out);
    member.child = child;
  }

  async #answering(): Promise<void> {
    const end = performance.now() + READY_MS;
    for (const { role, child } of this.#members) {
      for (;;) {
        if (child?.exitCode !== null) throw new Error(`the ${role}'s proxy ended`);
        const answer = await this.admin(role, '/ready').catch(() => '');
        if (answer.includes('LIVE')) break;
        if (performance.now() > end) throw new Error(`the ${role}'s proxy is not ready: ${answer}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** Topsail as its own users start it; `TOPSAIL_ENTRY` names a bundle. */
export function topsailCommand(): readonly string[] {
  const bundle = join(import.meta.dirname, '../../../dist/topsail.js');
  const source = join(import.meta.dirname, '../../../src/main/cli.ts');
  const entry = process.env['TOPSAIL_ENTRY'] ?? (existsSync(bundle) ? bundle : source);
  return [process.execPath, entry, 'proxy'];
}

/** Held as long as this process lives. */
async function freeBlock(): Promise<string> {
  for (let second = 64; second < 254; second++) if (await holdBlock(`127.${second}`)) return `127.${second}`;
  throw new Error('no block of loopback addresses is free');
}
