// Network filter envoy.filters.network.rbac: closes connections that the rules do not allow, before a byte is exchanged either way.

import type { RBAC } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { StreamRecord } from '#telemetry';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { MatchInput } from '../../matcher/match-input.ts';
import type {
  DownstreamConnection,
  NetworkFilter,
  NetworkFilterExtension,
  NetworkStatus,
} from '../../network/filter.ts';
import { factsOf, NO_REQUEST } from '../connection-facts.ts';
import { deniedDetails, RbacEngine } from '../rbac/engine.ts';
import { noteDecision, noteLog } from '../rbac/note-decision.ts';
import { countDecision, rbacCounters, type RbacCounters } from '../rbac/rbac-counters.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC';
const METADATA = 'envoy.filters.network.rbac';

interface Rules {
  readonly enforced: RbacEngine | undefined;
  readonly shadow: RbacEngine | undefined;
  readonly shadowPrefix: string;
  readonly counting: { readonly enforced: RbacCounters; readonly shadow: RbacCounters };
  readonly continuous: boolean;
}

class NetworkRbac implements NetworkFilter {
  readonly #rules: Rules;
  readonly #connection: DownstreamConnection;
  readonly #record: StreamRecord;

  constructor(rules: Rules, connection: DownstreamConnection, record: StreamRecord) {
    this.#rules = rules;
    this.#connection = connection;
    this.#record = record;
  }

  /** Not on the first byte, as Envoy does: a server that speaks first would already have answered. */
  onConnection(): NetworkStatus {
    return this.#decide();
  }

  onData(): NetworkStatus {
    return this.#rules.continuous ? this.#decide() : 'continue';
  }

  #decide(): NetworkStatus {
    const { enforced, shadow, shadowPrefix, counting } = this.#rules;
    const record = this.#record;
    const input: MatchInput = { head: NO_REQUEST, connection: factsOf(this.#connection), record };
    if (shadow !== undefined) {
      const decision = shadow.decide(input);
      noteDecision(record, METADATA, 'shadow', shadowPrefix, decision);
      countDecision(counting.shadow, decision);
    }
    if (enforced === undefined) return 'continue';
    const decision = enforced.decide(input);
    countDecision(counting.enforced, decision);
    if (enforced.action === 'log') {
      noteLog(record, METADATA, decision.policy);
      // The connection's access log is written from what streams begin with.
      this.#connection.metadata = record.metadata;
    } else noteDecision(record, METADATA, 'enforced', '', decision);
    if (decision.allowed) return 'continue';
    const details = deniedDetails(decision.policy);
    record.connectionTerminationDetails = details;
    this.#connection.close(details);
    return 'stop';
  }
}

export const networkRbacExtension: NetworkFilterExtension = {
  name: 'envoy.filters.network.rbac',
  typeUrl: TYPE,
  build: (config, { stats }, filterName) => {
    const message = decodeMessage<RBAC>(TYPE, config, filterName);
    if (message.matcher !== undefined || message.shadowMatcher !== undefined)
      throw new ConfigError('proxy.unsupported', `${filterName}.matcher`, 'give the policies as rules');
    const rules: Rules = {
      enforced: message.rules === undefined ? undefined : new RbacEngine(message.rules, `${filterName}.rules`),
      shadow:
        message.shadowRules === undefined
          ? undefined
          : new RbacEngine(message.shadowRules, `${filterName}.shadow_rules`),
      shadowPrefix: message.shadowRulesStatPrefix,
      counting: {
        enforced: rbacCounters(stats, message.statPrefix, '', ''),
        shadow: rbacCounters(stats, message.statPrefix, message.shadowRulesStatPrefix, 'shadow_'),
      },
      continuous: message.enforcementType === 1,
    };
    const allows = (connection: DownstreamConnection): boolean =>
      rules.enforced?.decide({ head: NO_REQUEST, connection: factsOf(connection), record: new StreamRecord() })
        .allowed ?? true;
    return {
      name: filterName,
      create: (connection, record) => new NetworkRbac(rules, connection, record),
      stillAllows: allows,
      allowsEarlyDial: allows,
    };
  },
};
