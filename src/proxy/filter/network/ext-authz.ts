// Network filter envoy.filters.network.ext_authz: a service decides about connections, before a byte is exchanged either way.

import type { ExtAuthz } from '#proto/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import type { StreamRecord } from '#telemetry';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import { compileMetadataMatcher, type MetadataSource } from '../../matcher/metadata-matcher.ts';
import type {
  DownstreamConnection,
  NetworkFilter,
  NetworkFilterExtension,
  NetworkStatus,
} from '../../network/filter.ts';
import { factsOf } from '../connection-facts.ts';
import { type AuthorizationCounters, authorizationCounters } from '../http/ext-authz/authorization-filter.ts';
import { connectionCheck } from '../http/ext-authz/check-input.ts';
import type { Decision } from '../http/ext-authz/decision.ts';
import { askGrpc, type GrpcTarget } from '../http/ext-authz/grpc-authorizer.ts';
import { grpcTarget } from '../http/ext-authz/index.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz';

interface Settings {
  readonly target: GrpcTarget;
  readonly failOpen: boolean;
  readonly enabled: ((metadata: MetadataSource) => boolean) | undefined;
  readonly counters: AuthorizationCounters;
}

class NetworkAuthorization implements NetworkFilter {
  readonly #settings: Settings;
  readonly #connection: DownstreamConnection;
  readonly #record: StreamRecord;
  #asking: { cancel(): void } | undefined = undefined;

  constructor(settings: Settings, connection: DownstreamConnection, record: StreamRecord) {
    this.#settings = settings;
    this.#connection = connection;
    this.#record = record;
  }

  /** Not on the first byte, as Envoy does: a server that speaks first would already have answered. */
  onConnection(proceed: () => void): NetworkStatus {
    const { enabled, target, counters } = this.#settings;
    if (enabled?.(this.#record.metadata) === false) {
      counters.disabled.inc();
      return 'continue';
    }
    this.#asking = askGrpc(
      connectionCheck(factsOf(this.#connection), this.#connection.localPrincipal),
      target,
      (decision) => {
        this.#asking = undefined;
        if (this.#allows(decision)) return proceed();
        this.#connection.close(this.#record.connectionTerminationDetails);
      },
    );
    return 'stop';
  }

  onClose(): void {
    this.#asking?.cancel();
  }

  #allows(decision: Decision): boolean {
    const { counters, failOpen } = this.#settings;
    if (decision.kind === 'allowed') {
      counters.ok.inc();
      return true;
    }
    if (decision.kind === 'error') {
      counters.error.inc();
      if (failOpen) counters.failureModeAllowed.inc();
      if (failOpen) return true;
    } else counters.denied.inc();
    this.#record.addFlag('UAEX');
    this.#record.connectionTerminationDetails = decision.kind === 'error' ? 'ext_authz_error' : 'ext_authz_denied';
    return false;
  }
}

export const networkExtAuthzExtension: NetworkFilterExtension = {
  name: 'envoy.filters.network.ext_authz',
  typeUrl: TYPE,
  build: (config, { stats, clusters }, filterName) => {
    const message = decodeMessage<ExtAuthz>(TYPE, config, filterName);
    if (message.grpcService === undefined) throw new ConfigError('proxy.field-required', `${filterName}.grpc_service`);
    const prefix = message.statPrefix === '' ? '' : `${message.statPrefix}.`;
    const settings: Settings = {
      target: { ...grpcTarget(message.grpcService, `${filterName}.grpc_service`), clusters },
      failOpen: message.failureModeAllow,
      enabled:
        message.filterEnabledMetadata === undefined
          ? undefined
          : compileMetadataMatcher(message.filterEnabledMetadata, `${filterName}.filter_enabled_metadata`),
      counters: authorizationCounters(stats, `ext_authz.${prefix}`),
    };
    return {
      name: filterName,
      create: (connection, record) => new NetworkAuthorization(settings, connection, record),
    };
  },
};
