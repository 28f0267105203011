// One workload: a machine with an application and the real proxy beside it, fed by the real xDS client, with
// certificates that the real manager renews. All of it may stop at any moment and start again.
import { CONTROL_PLANE_BACKOFF, LEAVING, nodeMetadata } from '#agent';
import { err, formatNodeId, ok, type Random, SeededRandom, silentLogger, TYPE_URL } from '#base';
import { CertificateManager } from '#identity';
import { Proxy, LogFiles, peerMetadataExtension, followWants } from '#proxy';
import { encodePeerMetadata, localPeer, StatStore, type StreamRecord, type StreamReporter } from '#telemetry';
import { parseCertificateRequest, pemBlocks } from '#wire/tls';
import { allExtensions } from '../src/main/proxy-extensions.ts';
import { DiscoveryClient } from '#xds';
import { GrpcChannel, type MemoryLink } from '#wire/grpc';
import type { MachineClock } from './sim-clock.ts';
import { LEAF_TTL_MS, type SimControlPlane } from './sim-control-plane.ts';
import { SimApp, type Served } from './sim-app.ts';
import type { SimNet, SimNetwork } from './sim-net.ts';

export interface WorkloadSetting {
  readonly name: string;
  readonly app: string;
  readonly version: string;
  readonly address: string;
  readonly port: number;
}

export interface WorkloadParts {
  readonly network: SimNetwork;
  readonly control: SimControlPlane;
  readonly random: Random;
  readonly served: (by: SimWorkload, request: Served) => void;
  readonly finished: (by: SimWorkload, record: StreamRecord, inbound: boolean) => void;
}

const SIGN_MS = 5;

export class SimWorkload {
  readonly setting: WorkloadSetting;
  readonly nodeId: string;
  readonly #parts: WorkloadParts;
  #up: Up | undefined;

  constructor(setting: WorkloadSetting, parts: WorkloadParts) {
    this.setting = setting;
    this.#parts = parts;
    this.nodeId = formatNodeId({
      type: 'sidecar',
      ip: setting.address,
      workload: setting.name,
      namespace: 'default',
      domain: 'cluster.local',
    });
  }

  get spiffeId(): string {
    return `spiffe://cluster.local/ns/default/sa/${this.setting.app}`;
  }

  get up(): Up | undefined {
    return this.#up;
  }

  async start(): Promise<void> {
    const { network, random } = this.#parts;
    const clock = network.clock.machine();
    const net = network.join(this.setting.address, clock);
    const own = new SeededRandom(random.uint32());
    const app = new SimApp(net, own, this.setting.version, (request) => this.#parts.served(this, request));
    const proxy = await this.#startProxy(clock, net, own);
    app.serve(this.setting.port);
    this.#up = { clock, net, app, ...proxy };
    proxy.client.reportHealth(undefined);
  }

  /** Says that it goes; then `stop`. */
  leave(): void {
    this.#up?.client.reportHealth(LEAVING);
  }

  setHealth(problem: string | undefined): void {
    this.#up?.client.reportHealth(problem);
  }

  /** kill -9 of everything on the machine. */
  stop(): void {
    const up = this.#up;
    if (up === undefined) return;
    this.#up = undefined;
    up.net.stop();
    this.#parts.control.unlink(up.link);
  }

  /** SIGTERM: closes all that it has. */
  close(): Up | undefined {
    const up = this.#up;
    if (up === undefined) return undefined;
    this.#up = undefined;
    up.client.close();
    up.channel.close();
    up.secrets.close();
    up.proxy.close();
    up.net.closeApp();
    this.#parts.control.unlink(up.link);
    return up;
  }

  async #startProxy(clock: MachineClock, net: SimNet, random: Random) {
    const { control } = this.#parts;
    const { name, app, version, address, port } = this.setting;
    const log = silentLogger;
    const secrets = new CertificateManager({
      clock,
      random,
      log,
      spiffeId: this.spiffeId,
      ttlMs: LEAF_TTL_MS,
      signCsr: async (csr) => {
        await new Promise<void>((resolve) => void clock.setTimer(SIGN_MS, resolve));
        const der = pemBlocks(csr, 'CERTIFICATE REQUEST');
        const request = der.ok ? parseCertificateRequest(der.value[0] as Uint8Array) : undefined;
        if (request?.ok !== true) return err({ message: 'no request' });
        const chain = control.issue(request.value.publicKey.spki, this.spiffeId);
        return chain === undefined ? err({ message: 'the control plane does not answer' }) : ok(chain);
      },
    });
    secrets.start();
    const spec = {
      name,
      namespace: 'default',
      serviceAccount: app,
      labels: { app, version },
      ports: [{ name: 'http', port, protocol: 'http' as const }],
    };
    const facts = {
      ip: address,
      capture: 'netns' as const,
      boundPorts: [{ port, appPort: port, boundPort: port }],
      httpProxyPort: undefined,
      loopbackBlock: undefined,
      gatewayPorts: {},
    };
    const metadata = nodeMetadata(spec as never, facts);
    const stats = new StatStore();
    const local = localPeer(metadata);
    const extensions = allExtensions(new LogFiles({ open: () => SINK, clock, stats }));
    const sink = (side: string) => ({
      onStreamEnd: (record: StreamRecord) => this.#parts.finished(this, record, side !== 'source'),
    });
    const reporter: { readonly [Name in keyof StreamReporter]?: unknown } = {
      sink,
      refusals: () => ({ onStreamEnd: () => {} }),
    };
    const proxy = await Proxy.create({
      clock,
      random,
      net,
      log,
      secrets,
      stats,
      extensions,
      reporter: reporter as StreamReporter,
    });
    extensions.registerHttpFilter(
      peerMetadataExtension({ encoded: encodePeerMetadata(local), nodeId: this.nodeId }, proxy.services.peers),
    );
    const link = control.link(this.spiffeId);
    const channel = new GrpcChannel({ dialer: link.dialer, clock, random, backoff: CONTROL_PLANE_BACKOFF });
    const client = new DiscoveryClient({
      channel,
      clock,
      random,
      node: () => ({
        id: this.nodeId,
        cluster: app,
        metadata: { ...metadata },
        locality: { region: '', zone: '', subZone: '' },
        userAgent: 'topsail/sim',
      }),
      apply: (batch) => proxy.applyInSlices(batch.typeUrl, batch.added, batch.removed),
    });
    followWants(proxy, client);
    client.subscribeAll(TYPE_URL.cluster);
    client.subscribeAll(TYPE_URL.listener);
    client.start();
    return { proxy, client, channel, secrets, link };
  }
}

const SINK = { write: (_: string, done: (e: undefined) => void) => done(undefined), reopen() {}, close() {} };

export interface Up {
  readonly clock: MachineClock;
  readonly net: SimNet;
  readonly app: SimApp;
  readonly proxy: Proxy;
  readonly client: DiscoveryClient;
  readonly channel: GrpcChannel;
  readonly secrets: CertificateManager;
  readonly link: MemoryLink;
}
