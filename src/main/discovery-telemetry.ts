// Takes the agents' summaries from 15012 into the live graph, and shows the graph as the API's edges.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EDGES_WINDOW_SECONDS, type EdgeJson, type TapAgent, TapHub } from '#api';
import type { Clock, Logger } from '#base';
import { AgentCommandSchema, AgentReportSchema, type Hello } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { type EdgeView, RouteTraffic, ToldTime, TrafficGraph } from '#telemetry';
import { GRPC_STATUS, type GrpcServer, type ServerCall } from '#wire/grpc';
import type { DiscoveryIdentity } from './discovery-identity.ts';
import { verifiedMethod } from './verified-method.ts';

const PATH = '/topsail.telemetry.v1.TelemetryService/Report';
const EXPIRE_MS = 60_000;

export class DiscoveryTelemetry {
  readonly graph = new TrafficGraph();
  readonly routes = new RouteTraffic();
  readonly taps = new TapHub();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sinceMs: number;

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock;
    this.#sinceMs = options.clock.wallTime();
    this.#log = options.log.scope('telemetry');
    this.#expire();
  }

  register(server: GrpcServer, identity: DiscoveryIdentity): void {
    server.register(
      PATH,
      verifiedMethod(identity, this.#log, (call, { namespace }) => {
        const teller: Teller = { agent: undefined, told: new ToldTime(), left: () => {} };
        return {
          onMessage: (bytes) => this.#take(call, bytes, namespace, teller),
          onHalfClose: () => call.end(),
          onClosed: () => teller.left(),
        };
      }),
    );
  }

  #expire(): void {
    this.graph.expire(this.#clock.wallTime());
    this.routes.expire(this.#clock.wallTime());
    this.#clock.setTimer(EXPIRE_MS, () => this.#expire(), { unref: true });
  }

  edges(): readonly EdgeJson[] {
    const nowMs = this.#clock.wallTime();
    // Of a control plane that is younger, what it has seen.
    const windowSeconds = Math.min(EDGES_WINDOW_SECONDS, Math.max(1, Math.round((nowMs - this.#sinceMs) / 1_000)));
    return this.graph.edges(nowMs, EDGES_WINDOW_SECONDS).map((edge) => ({ windowSeconds, ...toJson(edge) }));
  }

  #take(call: ServerCall, bytes: Uint8Array, namespace: string, teller: Teller): void {
    const { report } = fromBinary(AgentReportSchema, bytes);
    if (report.case === 'hello') this.#greet(call, report.value, namespace, teller);
    else if (report.case === 'summary') {
      teller.told.arrived(this.#clock.wallTime());
      this.graph.merge(report.value, this.#clock.wallTime(), namespace, teller.told);
      this.routes.merge(report.value.routes, this.#clock.wallTime());
    } else if (report.case === 'tap' && teller.agent !== undefined)
      this.taps.record(teller.agent, report.value.subscription, report.value.json);
  }

  #greet(call: ServerCall, hello: Hello, namespace: string, teller: Teller): void {
    if (hello.namespace !== namespace) {
      this.#log.warn('a report was refused', {
        workload: hello.workload,
        reason: `its certificate is of namespace ${namespace}`,
      });
      call.end({
        code: GRPC_STATUS.permissionDenied,
        message: `the certificate is of namespace ${namespace}, not ${hello.namespace}`,
      });
      return;
    }
    if (teller.agent !== undefined) return;
    teller.agent = tapAgent(call, hello);
    teller.left = this.taps.joined(teller.agent);
  }
}

/** Who speaks on a stream, once it said so. */
interface Teller {
  agent: TapAgent | undefined;
  readonly told: ToldTime;
  left: () => void;
}

function tapAgent(call: ServerCall, { workload, namespace }: Hello): TapAgent {
  return {
    workload,
    namespace,
    start: (subscription, { pathPrefix, status, to, perSecondMax }) => {
      const value = { subscription, pathPrefix, status, to, perSecondMax };
      call.send(toBinary(AgentCommandSchema, create(AgentCommandSchema, { command: { case: 'tapStart', value } })));
    },
    stop: (subscription) => {
      if (call.open)
        call.send(
          toBinary(
            AgentCommandSchema,
            create(AgentCommandSchema, { command: { case: 'tapStop', value: { subscription } } }),
          ),
        );
    },
  };
}

function toJson(edge: EdgeView): Omit<EdgeJson, 'windowSeconds'> {
  const finite = (n: number): number => (Number.isFinite(n) ? n : 0);
  return {
    source: edge.source.workload,
    sourceNamespace: edge.source.namespace,
    destination: edge.destination.workload,
    destinationNamespace: edge.destination.namespace,
    service: edge.destinationService,
    protocol: edge.protocol,
    requestsPerSecond: edge.requestsPerSecond,
    errorsPerSecond: edge.failuresPerSecond + edge.deniedPerSecond,
    deniedPerSecond: edge.deniedPerSecond,
    denials: edge.denials,
    faults: edge.faults,
    p50Ms: finite(edge.p50Ms),
    p95Ms: finite(edge.p95Ms),
    p99Ms: finite(edge.p99Ms),
    mtls: edge.mtls === 'yes' ? 1 : edge.mtls === 'mixed' ? 0.5 : 0,
    sourcePrincipal: edge.source.principal,
    sourcePrincipals: edge.sourcePrincipals,
    destinationPrincipal: edge.destination.principal,
  };
}
