// What stands for a workload's policies in an Envoy's listeners: names, behind which the filters come by themselves (ECDS), so that an
// edit of a policy touches no listener, and with it no connection. A listener waits for them: without, nothing is let in.
//
// All that is decided without asking anybody is one resource for HTTP: AUDIT, DENY and ALLOW change together. TCP has no filter
// that holds others: there, each action is a resource of its own. So are rate limits: one that an Envoy refuses must not keep a policy back.

import type { XdsResource } from '#base';
import { refOf } from '#config';
import type { ExtensionConfigSourceSchema } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { ExtAuthzSchema } from '#proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { FilterChainConfigSchema } from '#proto/envoy/extensions/filters/http/filter_chain/v3/filter_chain_pb.ts';
import { RBACSchema as HttpRbacSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { ExtAuthzSchema as TcpExtAuthzSchema } from '#proto/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { RBACSchema as TcpRbacSchema } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { typeUrlOf } from '#proto';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { ADS, any, type Init, resource } from '../encode.ts';
import type { PluginFilters } from '../wasm/plugin-slots.ts';
import {
  ACTIONS,
  type AuthorizationInput,
  type CustomFilters,
  httpAuthorization,
  httpCustom,
  httpRateLimits,
  httpRules,
  httpTokens,
  tcpAuthorization,
  tcpCustom,
  tcpDecided,
} from './authorization-filters.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;
type NetworkFilter = Init<typeof FilterSchema>;
type Extension = Init<typeof TypedExtensionConfigSchema>;

const NONE: ReadonlyMap<string, XdsResource> = new Map();

const HTTP = 'istio.policies.http';
/** Its two halves, where a plugin stands between them. */
const HTTP_TOKENS = 'istio.policies.http.tokens';
const HTTP_RULES = 'istio.policies.http.rules';
const HTTP_RATES = 'istio.policies.http.rates';
const TCP = 'istio.policies.tcp';

/** The filters of an HTTP chain that judge, themselves or their names, with the plugins between them (inventory §3.4). */
export function httpPolicies(input: AuthorizationInput, plugins: PluginFilters): readonly HttpFilter[] {
  if (!input.envoy) return httpAuthorization(input, plugins);
  const chain = typeUrlOf(FilterChainConfigSchema);
  return [
    ...httpCustom(input).flatMap(({ provider }) => [
      slot(markName(HTTP, provider), typeUrlOf(HttpRbacSchema)),
      slot(askName(HTTP, provider), typeUrlOf(ExtAuthzSchema)),
    ]),
    ...plugins.authn,
    ...(plugins.authz.length === 0
      ? [slot(HTTP, chain)]
      : [slot(HTTP_TOKENS, chain), ...plugins.authz, slot(HTTP_RULES, chain)]),
    slot(HTTP_RATES, chain),
    ...plugins.last,
  ];
}

/** The same for TCP. */
export function tcpPolicies(input: AuthorizationInput): readonly NetworkFilter[] {
  if (!input.envoy) return tcpAuthorization(input);
  return [
    ...tcpCustom(input).flatMap(({ provider }) => [
      slot(markName(TCP, provider), typeUrlOf(TcpRbacSchema)),
      slot(askName(TCP, provider), typeUrlOf(TcpExtAuthzSchema)),
    ]),
    ...ACTIONS.map((action) => slot(`${TCP}.${action.toLowerCase()}`, typeUrlOf(TcpRbacSchema))),
  ];
}

/** Which names stand in the listeners: what of the policies an Envoy's listener is made of. */
export function slotsKey(input: AuthorizationInput): string {
  return [...httpCustom(input), ...tcpCustom(input)].map(({ provider }) => provider).join(' ');
}

/** What the names stand for; nothing where the filters are in the listeners. `key` holds all that they are made of. */
export function discoveredPolicies(
  input: AuthorizationInput,
  key: readonly KeyPart[],
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  return input.envoy ? cache.value(['ecds', ...key], () => discovered(input)) : NONE;
}

function discovered(input: AuthorizationInput): ReadonlyMap<string, XdsResource> {
  const origins = [...input.policies, ...input.requestAuthentications, ...input.rateLimits].map((one) => refOf(one));
  const made = new Map<string, XdsResource>();
  const put = (name: string, typedConfig: Extension['typedConfig']): void =>
    void made.set(name, resource(TypedExtensionConfigSchema, name, { name, typedConfig }, origins));
  const putCustom = (prefix: string, all: readonly CustomFilters<HttpFilter | NetworkFilter>[]): void => {
    for (const { provider, mark, ask } of all) {
      put(markName(prefix, provider), configOf(mark));
      put(askName(prefix, provider), configOf(ask));
    }
  };
  putCustom(HTTP, httpCustom(input));
  const putChain = (name: string, filters: readonly HttpFilter[]): void =>
    put(
      name,
      any(
        FilterChainConfigSchema,
        filters.length === 0 ? {} : { defaultFilterChain: { filters: filters.map(extension) } },
      ),
    );
  putChain(HTTP, [...httpTokens(input), ...httpRules(input)]);
  if (input.split) {
    putChain(HTTP_TOKENS, httpTokens(input));
    putChain(HTTP_RULES, httpRules(input));
  }
  putChain(HTTP_RATES, httpRateLimits(input));
  putCustom(TCP, tcpCustom(input));
  for (const action of ACTIONS)
    put(
      `${TCP}.${action.toLowerCase()}`,
      configOf(tcpDecided(input, action)) ?? any(TcpRbacSchema, { statPrefix: 'tcp.' }),
    );
  return made;
}

function markName(prefix: string, provider: string): string {
  return `${prefix}.custom.${provider}.mark`;
}

function askName(prefix: string, provider: string): string {
  return `${prefix}.custom.${provider}.ask`;
}

/** Without a time-out and without a default: the listener waits, and lets nobody in meanwhile. */
function slot(name: string, typeUrl: string) {
  const value: Init<typeof ExtensionConfigSourceSchema> = { configSource: ADS, typeUrls: [typeUrl] };
  return { name, configType: { case: 'configDiscovery' as const, value } };
}

function configOf(filter: HttpFilter | NetworkFilter | undefined): Extension['typedConfig'] {
  return filter?.configType?.case === 'typedConfig' ? filter.configType.value : undefined;
}

function extension(filter: HttpFilter): Extension {
  return { name: filter.name ?? '', typedConfig: configOf(filter) };
}
