// Passes a data plane's discovery stream on to the control plane, message by message and unread: the agent's channel adds
// token and certificate, and survives Envoy's and the control plane's restarts apart from each other.
import { type ClientCall, GRPC_STATUS, type GrpcChannel, type Metadata, type MethodHandler } from '#wire/grpc';
import { encodeDeltaRequest } from '#xds';

/** Envoy is told to speak delta. */
export const RELAYED_PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
/** gRPC's clients speak state of the world. */
export const RELAYED_PATHS: readonly string[] = [
  RELAYED_PATH,
  '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
];
/** Istio's agents report their workload's health as a request of this type. */
const HEALTH_TYPE = 'type.googleapis.com/istio.v1.HealthInformation';

export class XdsRelay {
  readonly #channel: GrpcChannel;
  readonly #metadata: () => Metadata;
  #upstream: ClientCall | undefined = undefined;
  #health: { readonly problem: string | undefined } | undefined = undefined;
  #nodeSent = false;

  /** `metadata` is asked for each stream: tokens change. */
  constructor(channel: GrpcChannel, metadata: () => Metadata) {
    this.#channel = channel;
    this.#metadata = metadata;
  }

  readonly method: MethodHandler = (call) => {
    this.#nodeSent = false;
    const upstream: ClientCall = this.#channel.openStream(
      call.path,
      {
        onMessage: (bytes) => {
          if (!call.send(bytes)) upstream.pause();
        },
        onDrain: () => call.resume(),
        // Envoy keeps what it has, and comes back saying what that is.
        onStatus: (status) =>
          call.end(
            status.code === GRPC_STATUS.ok
              ? { code: GRPC_STATUS.unavailable, message: 'the control plane ended the stream' }
              : status,
          ),
      },
      { metadata: this.#metadata(), waitForReady: true },
    );
    this.#upstream = upstream;
    call.sendHeaders();
    return {
      onMessage: (bytes) => {
        if (!upstream.send(bytes)) call.pause();
        // The first message names the node; only then may health be told on this stream.
        if (!this.#nodeSent) {
          this.#nodeSent = true;
          if (this.#health !== undefined) this.#sendHealth();
        }
      },
      onHalfClose: () => upstream.halfClose(),
      onDrain: () => upstream.resume(),
      onClosed: () => {
        if (this.#upstream === upstream) this.#upstream = undefined;
        upstream.cancel();
      },
    };
  };

  /** Undefined: the application is well. Told now and after every reconnect. */
  reportHealth(problem: string | undefined): void {
    this.#health = { problem };
    if (this.#nodeSent) this.#sendHealth();
  }

  #sendHealth(): void {
    const problem = this.#health?.problem;
    this.#upstream?.send(
      encodeDeltaRequest({
        node: undefined,
        typeUrl: HEALTH_TYPE,
        subscribe: [],
        unsubscribe: [],
        initialVersions: new Map(),
        responseNonce: '',
        errorDetail: problem === undefined ? undefined : { code: 500, message: problem },
      }),
    );
  }
}
