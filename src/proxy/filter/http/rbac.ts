// HTTP filter envoy.filters.http.rbac: refuses with 403 what the rules do not allow; shadow rules only note what they would have done.

import type { RBAC, RBACPerRoute } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { deniedDetails, RbacEngine } from '../rbac/engine.ts';
import { noteDecision, noteLog } from '../rbac/note-decision.ts';
import { countDecision, rbacCounters, type RbacCounters } from '../rbac/rbac-counters.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
const ROUTE_TYPE = `${TYPE}PerRoute`;
const METADATA = 'envoy.filters.http.rbac';

interface Rules {
  readonly enforced: RbacEngine | undefined;
  readonly enforcedPrefix: string;
  readonly shadow: RbacEngine | undefined;
  readonly shadowPrefix: string;
}

interface Counting {
  readonly enforced: RbacCounters;
  readonly shadow: RbacCounters;
}

const NO_RULES: Rules = { enforced: undefined, enforcedPrefix: '', shadow: undefined, shadowPrefix: '' };

function compileRules(config: RBAC, field: string): Rules {
  if (config.matcher !== undefined || config.shadowMatcher !== undefined)
    throw new ConfigError('proxy.unsupported', `${field}.matcher`, 'give the policies as rules');
  return {
    enforced: config.rules === undefined ? undefined : new RbacEngine(config.rules, `${field}.rules`),
    enforcedPrefix: config.rulesStatPrefix,
    shadow: config.shadowRules === undefined ? undefined : new RbacEngine(config.shadowRules, `${field}.shadow_rules`),
    shadowPrefix: config.shadowRulesStatPrefix,
  };
}

class RbacFilter implements HttpFilter {
  readonly #rules: Rules;
  readonly #counting: Counting;
  readonly #name: string;
  readonly #callbacks: FilterCallbacks;

  constructor(rules: Rules, counting: Counting, name: string, callbacks: FilterCallbacks) {
    this.#rules = rules;
    this.#counting = counting;
    this.#name = name;
    this.#callbacks = callbacks;
  }

  requestHead(head: RequestHead): FilterStatus {
    const callbacks = this.#callbacks;
    const { record, connection } = callbacks;
    const rules = (callbacks.route?.perFilterConfig(this.#name) as Rules | undefined) ?? this.#rules;
    const input = { head, connection, record };
    // What the dry run notes is for later filters: the rules in force here do not see it, as in Envoy.
    const decision = rules.enforced?.decide(input);
    if (rules.shadow !== undefined) {
      const tried = rules.shadow.decide(input);
      noteDecision(record, METADATA, 'shadow', rules.shadowPrefix, tried);
      countDecision(this.#counting.shadow, tried);
    }
    if (rules.enforced === undefined || decision === undefined) return 'continue';
    countDecision(this.#counting.enforced, decision);
    if (rules.enforced.action === 'log') noteLog(record, METADATA, decision.policy);
    else noteDecision(record, METADATA, 'enforced', rules.enforcedPrefix, decision);
    if (decision.allowed) return 'continue';
    callbacks.reply({ status: 403, body: 'RBAC: access denied', details: deniedDetails(decision.policy) });
    return 'stop';
  }
}

export const rbacExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.rbac',
  typeUrl: TYPE,
  build: (config, { stats, statPrefix }, filterName) => {
    const rules = compileRules(decodeMessage<RBAC>(TYPE, config, filterName), filterName);
    const counting = {
      enforced: rbacCounters(stats, statPrefix, rules.enforcedPrefix, ''),
      shadow: rbacCounters(stats, statPrefix, rules.shadowPrefix, 'shadow_'),
    };
    return {
      name: filterName,
      create: (callbacks) => new RbacFilter(rules, counting, filterName, callbacks),
      stillAllows: ({ head, connection, record, routeConfig }) =>
        ((routeConfig as Rules | undefined) ?? rules).enforced?.decide({ head, connection, record }).allowed ?? true,
    };
  },
  routeConfig: (config) => {
    const { rbac } = decodeMessage<RBACPerRoute>(ROUTE_TYPE, config, 'typed_per_filter_config');
    // Without rules the route turns the filter off.
    return rbac === undefined ? NO_RULES : compileRules(rbac, 'typed_per_filter_config.rbac');
  },
};
