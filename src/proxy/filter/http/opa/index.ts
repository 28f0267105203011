// HTTP filter topsail.filters.http.opa: Open Policy Agent decides about requests, as a server or as a policy in this process.

import type { Opa } from '#proto/topsail/authz/v1/opa_pb.ts';
import { decodeMessage } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';
import type { FilterContext, HttpFilterExtension } from '../../../http/filter.ts';
import { millisOf } from '../../../matcher/fraction.ts';
import { compileMetadataMatcher } from '../../../matcher/metadata-matcher.ts';
import {
  authorizationCounters,
  AuthorizationFilter,
  type AuthorizationSettings,
} from '../ext-authz/authorization-filter.ts';
import type { Authorizer } from '../ext-authz/decision.ts';
import { bodySettings, readRouteConfig } from '../ext-authz/index.ts';
import { dataApi } from './data-api.ts';
import { wasmPolicy } from './wasm-policy.ts';

const TYPE = 'type.googleapis.com/topsail.authz.v1.Opa';
const METADATA = 'topsail.filters.http.opa';
const TIMEOUT_DEFAULT_MS = 200;

function readSettings(config: Opa, context: FilterContext, field: string): AuthorizationSettings {
  return {
    authorizer: authorizerOf(config, context, field),
    body: bodySettings(config.withRequestBody),
    failOpen: config.failureModeAllow,
    failOpenHeader: false,
    statusOnError: config.statusOnError || 403,
    clearRoute: config.clearRouteCache,
    enabled:
      config.filterEnabledMetadata === undefined
        ? undefined
        : compileMetadataMatcher(config.filterEnabledMetadata, `${field}.filter_enabled_metadata`),
    metadataName: METADATA,
    clock: context.clock,
    counters: authorizationCounters(context.stats, `${context.statPrefix}ext_authz.opa.`),
  };
}

function authorizerOf(config: Opa, context: FilterContext, field: string): Authorizer {
  const { decider } = config;
  if (decider.case === 'service') {
    const { cluster, authority, decision, timeout } = decider.value;
    if (cluster === '' || decision === '')
      throw new ConfigError('proxy.field-required', `${field}.service.${cluster === '' ? 'cluster' : 'decision'}`);
    return dataApi({
      clusters: context.clusters,
      cluster,
      authority: authority === '' ? cluster : authority,
      decision,
      timeoutMs: millisOf(timeout) ?? TIMEOUT_DEFAULT_MS,
    });
  }
  if (decider.case !== 'wasm') throw new ConfigError('proxy.field-required', `${field}.decider`);
  const { module, entrypoint, data } = decider.value;
  return wasmPolicy({ module, entrypoint, data, log: context.log });
}

export const opaExtension: HttpFilterExtension = {
  name: 'topsail.filters.http.opa',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const settings = readSettings(decodeMessage<Opa>(TYPE, config, filterName), context, filterName);
    return { name: filterName, create: (callbacks) => new AuthorizationFilter(settings, filterName, callbacks) };
  },
  routeConfig: readRouteConfig,
};
