// What Envoy 1.40 says otherwise than the package's older `.proto` files, by file: fields that go behind a line that is there once, or in its place.

export interface ProtoAddition {
  /** The whole line, without its indentation. */
  readonly behind: string;
  readonly add: string;
  /** In the place of the line. */
  readonly instead?: true;
}

export const PROTO_ADDITIONS: Readonly<Record<string, readonly ProtoAddition[]>> = {
  'envoy/config/cluster/v3/cluster.proto': [
    {
      behind: 'bool respect_dns_ttl = 39;',
      add: 'google.protobuf.Duration dns_jitter = 58 [(validate.rules).duration = {gte {}}];',
    },
  ],
  'envoy/config/core/v3/protocol.proto': [
    {
      behind: 'google.protobuf.UInt32Value max_headers_count = 2 [(validate.rules).uint32 = {gte: 1}];',
      add: 'google.protobuf.UInt32Value max_response_headers_kb = 7;',
    },
  ],
  'envoy/config/trace/v3/zipkin.proto': [
    {
      behind: 'bool trace_id_128bit = 3;',
      add: `enum TraceContextOption { USE_B3 = 0; USE_B3_WITH_W3C_PROPAGATION = 1; }
        TraceContextOption trace_context_option = 8;
        core.v3.HttpService collector_service = 9;`,
    },
    {
      behind: 'import "google/protobuf/wrappers.proto";',
      add: 'import "envoy/config/core/v3/http_service.proto";',
    },
  ],
  'envoy/extensions/common/ratelimit/v3/ratelimit.proto': [
    // Empty: any value (a wildcard descriptor).
    { behind: 'string value = 2 [(validate.rules).string = {min_len: 1}];', add: 'string value = 2;', instead: true },
  ],
  'envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto': [
    {
      behind: 'bool rate_limited_as_resource_exhausted = 15;',
      add: `repeated config.route.v3.RateLimit rate_limits = 17;
        google.protobuf.UInt32Value max_dynamic_descriptors = 18;`,
    },
    {
      behind: 'import "envoy/config/core/v3/base.proto";',
      add: 'import "envoy/config/route/v3/route_components.proto";',
    },
  ],
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto': [
    { behind: 'google.protobuf.BoolValue spawn_upstream_span = 10;', add: 'bool no_context_propagation = 13;' },
  ],
  'envoy/extensions/transport_sockets/tls/v3/tls.proto': [
    {
      behind: 'google.protobuf.BoolValue enforce_rsa_key_usage = 5;',
      add: 'bool auto_host_sni = 6; bool auto_sni_san_validation = 7;',
    },
  ],
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto': [
    {
      behind: 'repeated filters.network.http_connection_manager.v3.HttpFilter http_filters = 6;',
      add: `message OutlierDetection { config.common.matcher.v3.MatchPredicate error_matcher = 1; }
        OutlierDetection outlier_detection = 8;`,
    },
    {
      behind: 'import "envoy/config/core/v3/extension.proto";',
      add: 'import "envoy/config/common/matcher/v3/matcher.proto";',
    },
  ],
  'envoy/type/tracing/v3/custom_tag.proto': [{ behind: 'Metadata metadata = 5;', add: 'string value = 6;' }],
};

/** The file's text with them; an error where the package has grown the field itself, or lost the line. */
export function withAdditions(path: string, text: string): string {
  let whole = text;
  for (const { behind, add, instead } of PROTO_ADDITIONS[path] ?? []) {
    const parts = whole.split(behind);
    if (parts.length !== 2) throw new Error(`${path}: "${behind}" stands there ${parts.length - 1} times, not once`);
    whole = parts.join(instead === true ? add : `${behind}\n${add}\n`);
  }
  return whole;
}
