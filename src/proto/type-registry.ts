// Every generated Envoy and xDS type by its name, for what turns bytes into JSON (config_dump, bootstrap files).
// Heavy (all descriptors, about 27 MB): load it with `loadTypes()` when somebody asks, never at a proxy's start.
import { createRegistry, type DescFile, type Registry } from '@bufbuild/protobuf';
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { file_envoy_admin_v3_certs } from '#proto/envoy/admin/v3/certs_pb.ts';
import { file_envoy_admin_v3_clusters } from '#proto/envoy/admin/v3/clusters_pb.ts';
import { file_envoy_admin_v3_config_dump } from '#proto/envoy/admin/v3/config_dump_pb.ts';
import { file_envoy_admin_v3_config_dump_shared } from '#proto/envoy/admin/v3/config_dump_shared_pb.ts';
import { file_envoy_admin_v3_listeners } from '#proto/envoy/admin/v3/listeners_pb.ts';
import { file_envoy_admin_v3_metrics } from '#proto/envoy/admin/v3/metrics_pb.ts';
import { file_envoy_admin_v3_server_info } from '#proto/envoy/admin/v3/server_info_pb.ts';
import { file_envoy_config_accesslog_v3_accesslog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { file_envoy_config_bootstrap_v3_bootstrap } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { file_envoy_config_cluster_v3_circuit_breaker } from '#proto/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { file_envoy_config_cluster_v3_cluster } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { file_envoy_config_cluster_v3_filter } from '#proto/envoy/config/cluster/v3/filter_pb.ts';
import { file_envoy_config_cluster_v3_outlier_detection } from '#proto/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { file_envoy_config_common_key_value_v3_config } from '#proto/envoy/config/common/key_value/v3/config_pb.ts';
import { file_envoy_config_common_matcher_v3_matcher } from '#proto/envoy/config/common/matcher/v3/matcher_pb.ts';
import { file_envoy_config_common_mutation_rules_v3_mutation_rules } from '#proto/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import { file_envoy_config_core_v3_address } from '#proto/envoy/config/core/v3/address_pb.ts';
import { file_envoy_config_core_v3_backoff } from '#proto/envoy/config/core/v3/backoff_pb.ts';
import { file_envoy_config_core_v3_base } from '#proto/envoy/config/core/v3/base_pb.ts';
import { file_envoy_config_core_v3_config_source } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { file_envoy_config_core_v3_event_service_config } from '#proto/envoy/config/core/v3/event_service_config_pb.ts';
import { file_envoy_config_core_v3_extension } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { file_envoy_config_core_v3_grpc_method_list } from '#proto/envoy/config/core/v3/grpc_method_list_pb.ts';
import { file_envoy_config_core_v3_grpc_service } from '#proto/envoy/config/core/v3/grpc_service_pb.ts';
import { file_envoy_config_core_v3_health_check } from '#proto/envoy/config/core/v3/health_check_pb.ts';
import { file_envoy_config_core_v3_http_service } from '#proto/envoy/config/core/v3/http_service_pb.ts';
import { file_envoy_config_core_v3_http_uri } from '#proto/envoy/config/core/v3/http_uri_pb.ts';
import { file_envoy_config_core_v3_protocol } from '#proto/envoy/config/core/v3/protocol_pb.ts';
import { file_envoy_config_core_v3_proxy_protocol } from '#proto/envoy/config/core/v3/proxy_protocol_pb.ts';
import { file_envoy_config_core_v3_resolver } from '#proto/envoy/config/core/v3/resolver_pb.ts';
import { file_envoy_config_core_v3_socket_option } from '#proto/envoy/config/core/v3/socket_option_pb.ts';
import { file_envoy_config_core_v3_substitution_format_string } from '#proto/envoy/config/core/v3/substitution_format_string_pb.ts';
import { file_envoy_config_core_v3_udp_socket_config } from '#proto/envoy/config/core/v3/udp_socket_config_pb.ts';
import { file_envoy_config_endpoint_v3_endpoint_components } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { file_envoy_config_endpoint_v3_endpoint } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { file_envoy_config_listener_v3_api_listener } from '#proto/envoy/config/listener/v3/api_listener_pb.ts';
import { file_envoy_config_listener_v3_listener_components } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { file_envoy_config_listener_v3_listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { file_envoy_config_listener_v3_quic_config } from '#proto/envoy/config/listener/v3/quic_config_pb.ts';
import { file_envoy_config_listener_v3_udp_listener_config } from '#proto/envoy/config/listener/v3/udp_listener_config_pb.ts';
import { file_envoy_config_metrics_v3_stats } from '#proto/envoy/config/metrics/v3/stats_pb.ts';
import { file_envoy_config_overload_v3_overload } from '#proto/envoy/config/overload/v3/overload_pb.ts';
import { file_envoy_config_ratelimit_v3_rls } from '#proto/envoy/config/ratelimit/v3/rls_pb.ts';
import { file_envoy_config_rbac_v3_rbac } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { file_envoy_config_route_v3_route_components } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { file_envoy_config_route_v3_route } from '#proto/envoy/config/route/v3/route_pb.ts';
import { file_envoy_config_route_v3_scoped_route } from '#proto/envoy/config/route/v3/scoped_route_pb.ts';
import { file_envoy_config_trace_v3_http_tracer } from '#proto/envoy/config/trace/v3/http_tracer_pb.ts';
import { file_envoy_config_trace_v3_opentelemetry } from '#proto/envoy/config/trace/v3/opentelemetry_pb.ts';
import { file_envoy_config_trace_v3_zipkin } from '#proto/envoy/config/trace/v3/zipkin_pb.ts';
import { file_envoy_data_accesslog_v3_accesslog } from '#proto/envoy/data/accesslog/v3/accesslog_pb.ts';
import { file_envoy_extensions_access_loggers_file_v3_file } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { file_envoy_extensions_access_loggers_filters_cel_v3_cel } from '#proto/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { file_envoy_extensions_access_loggers_grpc_v3_als } from '#proto/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { file_envoy_extensions_access_loggers_open_telemetry_v3_logs_service } from '#proto/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import { file_envoy_extensions_access_loggers_stream_v3_stream } from '#proto/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { file_envoy_extensions_clusters_common_dns_v3_dns } from '#proto/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import { file_envoy_extensions_clusters_dns_v3_dns_cluster } from '#proto/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { file_envoy_extensions_clusters_dynamic_forward_proxy_v3_cluster } from '#proto/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { file_envoy_extensions_common_dynamic_forward_proxy_v3_dns_cache } from '#proto/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { file_envoy_extensions_common_ratelimit_v3_ratelimit } from '#proto/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import { file_envoy_extensions_compression_brotli_compressor_v3_brotli } from '#proto/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import { file_envoy_extensions_compression_gzip_compressor_v3_gzip } from '#proto/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import { file_envoy_extensions_compression_zstd_compressor_v3_zstd } from '#proto/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { file_envoy_extensions_filters_common_fault_v3_fault } from '#proto/envoy/extensions/filters/common/fault/v3/fault_pb.ts';
import { file_envoy_extensions_filters_common_set_filter_state_v3_value } from '#proto/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { file_envoy_extensions_filters_http_buffer_v3_buffer } from '#proto/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { file_envoy_extensions_filters_http_compressor_v3_compressor } from '#proto/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { file_envoy_extensions_filters_http_cors_v3_cors } from '#proto/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { file_envoy_extensions_filters_http_dynamic_forward_proxy_v3_dynamic_forward_proxy } from '#proto/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { file_envoy_extensions_filters_http_ext_authz_v3_ext_authz } from '#proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { file_envoy_extensions_filters_http_fault_v3_fault } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { file_envoy_extensions_filters_http_filter_chain_v3_filter_chain } from '#proto/envoy/extensions/filters/http/filter_chain/v3/filter_chain_pb.ts';
import { file_envoy_extensions_filters_http_grpc_stats_v3_config } from '#proto/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import { file_envoy_extensions_filters_http_grpc_web_v3_grpc_web } from '#proto/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import { file_envoy_extensions_filters_http_header_mutation_v3_header_mutation } from '#proto/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata } from '#proto/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts';
import { file_envoy_extensions_filters_http_health_check_v3_health_check } from '#proto/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import { file_envoy_extensions_filters_http_jwt_authn_v3_config } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { file_envoy_extensions_filters_http_lua_v3_lua } from '#proto/envoy/extensions/filters/http/lua/v3/lua_pb.ts';
import { file_envoy_extensions_filters_http_ratelimit_v3_rate_limit } from '#proto/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts';
import { file_envoy_extensions_filters_http_rbac_v3_rbac } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { file_envoy_extensions_filters_http_router_v3_router } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state } from '#proto/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { file_envoy_extensions_filters_http_wasm_v3_wasm } from '#proto/envoy/extensions/filters/http/wasm/v3/wasm_pb.ts';
import { file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector } from '#proto/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { file_envoy_extensions_filters_listener_original_dst_v3_original_dst } from '#proto/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { file_envoy_extensions_filters_listener_original_src_v3_original_src } from '#proto/envoy/extensions/filters/listener/original_src/v3/original_src_pb.ts';
import { file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol } from '#proto/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector } from '#proto/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { file_envoy_extensions_filters_network_connection_limit_v3_connection_limit } from '#proto/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { file_envoy_extensions_filters_network_direct_response_v3_config } from '#proto/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { file_envoy_extensions_filters_network_echo_v3_echo } from '#proto/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { file_envoy_extensions_filters_network_ext_authz_v3_ext_authz } from '#proto/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { file_envoy_extensions_filters_network_local_ratelimit_v3_local_rate_limit } from '#proto/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { file_envoy_extensions_filters_network_rbac_v3_rbac } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { file_envoy_extensions_filters_network_set_filter_state_v3_set_filter_state } from '#proto/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { file_envoy_extensions_filters_network_sni_cluster_v3_sni_cluster } from '#proto/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case } from '#proto/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts';
import { file_envoy_extensions_load_balancing_policies_common_v3_common } from '#proto/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts';
import { file_envoy_extensions_load_balancing_policies_least_request_v3_least_request } from '#proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { file_envoy_extensions_load_balancing_policies_maglev_v3_maglev } from '#proto/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import { file_envoy_extensions_load_balancing_policies_random_v3_random } from '#proto/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash } from '#proto/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import { file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin } from '#proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality } from '#proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { file_envoy_extensions_path_match_uri_template_v3_uri_template_match } from '#proto/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import { file_envoy_extensions_path_rewrite_uri_template_v3_uri_template_rewrite } from '#proto/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts';
import { file_envoy_extensions_request_id_uuid_v3_uuid } from '#proto/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import { file_envoy_extensions_resource_monitors_cgroup_memory_v3_cgroup_memory } from '#proto/envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory_pb.ts';
import { file_envoy_extensions_resource_monitors_downstream_connections_v3_downstream_connections } from '#proto/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts';
import { file_envoy_extensions_resource_monitors_fixed_heap_v3_fixed_heap } from '#proto/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.ts';
import { file_envoy_extensions_resource_monitors_injected_resource_v3_injected_resource } from '#proto/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.ts';
import { file_envoy_extensions_retry_host_omit_host_metadata_v3_omit_host_metadata_config } from '#proto/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts } from '#proto/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config } from '#proto/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import { file_envoy_extensions_transport_sockets_internal_upstream_v3_internal_upstream } from '#proto/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol } from '#proto/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer } from '#proto/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { file_envoy_extensions_transport_sockets_tls_v3_common } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { file_envoy_extensions_transport_sockets_tls_v3_secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts';
import { file_envoy_extensions_upstreams_http_generic_v3_generic_connection_pool } from '#proto/envoy/extensions/upstreams/http/generic/v3/generic_connection_pool_pb.ts';
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from '#proto/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { file_envoy_extensions_upstreams_tcp_v3_tcp_protocol_options } from '#proto/envoy/extensions/upstreams/tcp/v3/tcp_protocol_options_pb.ts';
import { file_envoy_extensions_wasm_v3_wasm } from '#proto/envoy/extensions/wasm/v3/wasm_pb.ts';
import { file_envoy_service_accesslog_v3_als } from '#proto/envoy/service/accesslog/v3/als_pb.ts';
import { file_envoy_service_auth_v3_attribute_context } from '#proto/envoy/service/auth/v3/attribute_context_pb.ts';
import { file_envoy_service_auth_v3_external_auth } from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import { file_envoy_service_cluster_v3_cds } from '#proto/envoy/service/cluster/v3/cds_pb.ts';
import { file_envoy_service_discovery_v3_ads } from '#proto/envoy/service/discovery/v3/ads_pb.ts';
import { file_envoy_service_discovery_v3_discovery } from '#proto/envoy/service/discovery/v3/discovery_pb.ts';
import { file_envoy_service_endpoint_v3_eds } from '#proto/envoy/service/endpoint/v3/eds_pb.ts';
import { file_envoy_service_extension_v3_config_discovery } from '#proto/envoy/service/extension/v3/config_discovery_pb.ts';
import { file_envoy_service_health_v3_hds } from '#proto/envoy/service/health/v3/hds_pb.ts';
import { file_envoy_service_listener_v3_lds } from '#proto/envoy/service/listener/v3/lds_pb.ts';
import { file_envoy_service_ratelimit_v3_rls } from '#proto/envoy/service/ratelimit/v3/rls_pb.ts';
import { file_envoy_service_route_v3_rds } from '#proto/envoy/service/route/v3/rds_pb.ts';
import { file_envoy_service_secret_v3_sds } from '#proto/envoy/service/secret/v3/sds_pb.ts';
import { file_envoy_service_status_v3_csds } from '#proto/envoy/service/status/v3/csds_pb.ts';
import { file_envoy_type_http_v3_path_transformation } from '#proto/envoy/type/http/v3/path_transformation_pb.ts';
import { file_envoy_type_matcher_v3_filter_state } from '#proto/envoy/type/matcher/v3/filter_state_pb.ts';
import { file_envoy_type_matcher_v3_metadata } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import { file_envoy_type_matcher_v3_node } from '#proto/envoy/type/matcher/v3/node_pb.ts';
import { file_envoy_type_matcher_v3_number } from '#proto/envoy/type/matcher/v3/number_pb.ts';
import { file_envoy_type_matcher_v3_path } from '#proto/envoy/type/matcher/v3/path_pb.ts';
import { file_envoy_type_matcher_v3_regex } from '#proto/envoy/type/matcher/v3/regex_pb.ts';
import { file_envoy_type_matcher_v3_string } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { file_envoy_type_matcher_v3_struct } from '#proto/envoy/type/matcher/v3/struct_pb.ts';
import { file_envoy_type_matcher_v3_value } from '#proto/envoy/type/matcher/v3/value_pb.ts';
import { file_envoy_type_metadata_v3_metadata } from '#proto/envoy/type/metadata/v3/metadata_pb.ts';
import { file_envoy_type_tracing_v3_custom_tag } from '#proto/envoy/type/tracing/v3/custom_tag_pb.ts';
import { file_envoy_type_v3_hash_policy } from '#proto/envoy/type/v3/hash_policy_pb.ts';
import { file_envoy_type_v3_http } from '#proto/envoy/type/v3/http_pb.ts';
import { file_envoy_type_v3_http_status } from '#proto/envoy/type/v3/http_status_pb.ts';
import { file_envoy_type_v3_percent } from '#proto/envoy/type/v3/percent_pb.ts';
import { file_envoy_type_v3_range } from '#proto/envoy/type/v3/range_pb.ts';
import { file_envoy_type_v3_ratelimit_unit } from '#proto/envoy/type/v3/ratelimit_unit_pb.ts';
import { file_envoy_type_v3_semantic_version } from '#proto/envoy/type/v3/semantic_version_pb.ts';
import { file_envoy_type_v3_token_bucket } from '#proto/envoy/type/v3/token_bucket_pb.ts';
import { file_google_rpc_code } from '#proto/google/rpc/code_pb.ts';
import { file_google_rpc_status } from '#proto/google/rpc/status_pb.ts';
import { file_io_istio_http_peer_metadata_config } from '#proto/io/istio/http/peer_metadata/config_pb.ts';
import { file_istio_stats_config } from '#proto/istio/stats/config_pb.ts';
import { file_topsail_authz_v1_opa } from '#proto/topsail/authz/v1/opa_pb.ts';
import { file_topsail_filters_v1_body_limit } from '#proto/topsail/filters/v1/body_limit_pb.ts';
import { file_topsail_filters_v1_shared_rate_limit } from '#proto/topsail/filters/v1/shared_rate_limit_pb.ts';
import { file_xds_core_v3_authority } from '#proto/xds/core/v3/authority_pb.ts';
import { file_xds_core_v3_collection_entry } from '#proto/xds/core/v3/collection_entry_pb.ts';
import { file_xds_core_v3_context_params } from '#proto/xds/core/v3/context_params_pb.ts';
import { file_xds_core_v3_extension } from '#proto/xds/core/v3/extension_pb.ts';
import { file_xds_core_v3_resource_locator } from '#proto/xds/core/v3/resource_locator_pb.ts';
import { file_xds_type_matcher_v3_matcher } from '#proto/xds/type/matcher/v3/matcher_pb.ts';
import { file_xds_type_matcher_v3_regex } from '#proto/xds/type/matcher/v3/regex_pb.ts';
import { file_xds_type_matcher_v3_string } from '#proto/xds/type/matcher/v3/string_pb.ts';
import { file_xds_type_v3_typed_struct } from '#proto/xds/type/v3/typed_struct_pb.ts';
import { file_udpa_type_v1_typed_struct } from '#proto/udpa/type/v1/typed_struct_pb.ts';

const files: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  file_envoy_admin_v3_certs,
  file_envoy_admin_v3_clusters,
  file_envoy_admin_v3_config_dump,
  file_envoy_admin_v3_config_dump_shared,
  file_envoy_admin_v3_listeners,
  file_envoy_admin_v3_metrics,
  file_envoy_admin_v3_server_info,
  file_envoy_config_accesslog_v3_accesslog,
  file_envoy_config_bootstrap_v3_bootstrap,
  file_envoy_config_cluster_v3_circuit_breaker,
  file_envoy_config_cluster_v3_cluster,
  file_envoy_config_cluster_v3_filter,
  file_envoy_config_cluster_v3_outlier_detection,
  file_envoy_config_common_key_value_v3_config,
  file_envoy_config_common_matcher_v3_matcher,
  file_envoy_config_common_mutation_rules_v3_mutation_rules,
  file_envoy_config_core_v3_address,
  file_envoy_config_core_v3_backoff,
  file_envoy_config_core_v3_base,
  file_envoy_config_core_v3_config_source,
  file_envoy_config_core_v3_event_service_config,
  file_envoy_config_core_v3_extension,
  file_envoy_config_core_v3_grpc_method_list,
  file_envoy_config_core_v3_grpc_service,
  file_envoy_config_core_v3_health_check,
  file_envoy_config_core_v3_http_service,
  file_envoy_config_core_v3_http_uri,
  file_envoy_config_core_v3_protocol,
  file_envoy_config_core_v3_proxy_protocol,
  file_envoy_config_core_v3_resolver,
  file_envoy_config_core_v3_socket_option,
  file_envoy_config_core_v3_substitution_format_string,
  file_envoy_config_core_v3_udp_socket_config,
  file_envoy_config_endpoint_v3_endpoint_components,
  file_envoy_config_endpoint_v3_endpoint,
  file_envoy_config_listener_v3_api_listener,
  file_envoy_config_listener_v3_listener_components,
  file_envoy_config_listener_v3_listener,
  file_envoy_config_listener_v3_quic_config,
  file_envoy_config_listener_v3_udp_listener_config,
  file_envoy_config_metrics_v3_stats,
  file_envoy_config_overload_v3_overload,
  file_envoy_config_ratelimit_v3_rls,
  file_envoy_config_rbac_v3_rbac,
  file_envoy_config_route_v3_route_components,
  file_envoy_config_route_v3_route,
  file_envoy_config_route_v3_scoped_route,
  file_envoy_config_trace_v3_http_tracer,
  file_envoy_config_trace_v3_opentelemetry,
  file_envoy_config_trace_v3_zipkin,
  file_envoy_data_accesslog_v3_accesslog,
  file_envoy_extensions_access_loggers_file_v3_file,
  file_envoy_extensions_access_loggers_filters_cel_v3_cel,
  file_envoy_extensions_access_loggers_grpc_v3_als,
  file_envoy_extensions_access_loggers_open_telemetry_v3_logs_service,
  file_envoy_extensions_access_loggers_stream_v3_stream,
  file_envoy_extensions_clusters_common_dns_v3_dns,
  file_envoy_extensions_clusters_dns_v3_dns_cluster,
  file_envoy_extensions_clusters_dynamic_forward_proxy_v3_cluster,
  file_envoy_extensions_common_dynamic_forward_proxy_v3_dns_cache,
  file_envoy_extensions_common_ratelimit_v3_ratelimit,
  file_envoy_extensions_compression_brotli_compressor_v3_brotli,
  file_envoy_extensions_compression_gzip_compressor_v3_gzip,
  file_envoy_extensions_compression_zstd_compressor_v3_zstd,
  file_envoy_extensions_filters_common_fault_v3_fault,
  file_envoy_extensions_filters_common_set_filter_state_v3_value,
  file_envoy_extensions_filters_http_buffer_v3_buffer,
  file_envoy_extensions_filters_http_compressor_v3_compressor,
  file_envoy_extensions_filters_http_cors_v3_cors,
  file_envoy_extensions_filters_http_dynamic_forward_proxy_v3_dynamic_forward_proxy,
  file_envoy_extensions_filters_http_ext_authz_v3_ext_authz,
  file_envoy_extensions_filters_http_fault_v3_fault,
  file_envoy_extensions_filters_http_filter_chain_v3_filter_chain,
  file_envoy_extensions_filters_http_grpc_stats_v3_config,
  file_envoy_extensions_filters_http_grpc_web_v3_grpc_web,
  file_envoy_extensions_filters_http_header_mutation_v3_header_mutation,
  file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata,
  file_envoy_extensions_filters_http_health_check_v3_health_check,
  file_envoy_extensions_filters_http_jwt_authn_v3_config,
  file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit,
  file_envoy_extensions_filters_http_lua_v3_lua,
  file_envoy_extensions_filters_http_ratelimit_v3_rate_limit,
  file_envoy_extensions_filters_http_rbac_v3_rbac,
  file_envoy_extensions_filters_http_router_v3_router,
  file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state,
  file_envoy_extensions_filters_http_wasm_v3_wasm,
  file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector,
  file_envoy_extensions_filters_listener_original_dst_v3_original_dst,
  file_envoy_extensions_filters_listener_original_src_v3_original_src,
  file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol,
  file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector,
  file_envoy_extensions_filters_network_connection_limit_v3_connection_limit,
  file_envoy_extensions_filters_network_direct_response_v3_config,
  file_envoy_extensions_filters_network_echo_v3_echo,
  file_envoy_extensions_filters_network_ext_authz_v3_ext_authz,
  file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
  file_envoy_extensions_filters_network_local_ratelimit_v3_local_rate_limit,
  file_envoy_extensions_filters_network_rbac_v3_rbac,
  file_envoy_extensions_filters_network_set_filter_state_v3_set_filter_state,
  file_envoy_extensions_filters_network_sni_cluster_v3_sni_cluster,
  file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy,
  file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case,
  file_envoy_extensions_load_balancing_policies_common_v3_common,
  file_envoy_extensions_load_balancing_policies_least_request_v3_least_request,
  file_envoy_extensions_load_balancing_policies_maglev_v3_maglev,
  file_envoy_extensions_load_balancing_policies_random_v3_random,
  file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash,
  file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin,
  file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality,
  file_envoy_extensions_path_match_uri_template_v3_uri_template_match,
  file_envoy_extensions_path_rewrite_uri_template_v3_uri_template_rewrite,
  file_envoy_extensions_request_id_uuid_v3_uuid,
  file_envoy_extensions_resource_monitors_cgroup_memory_v3_cgroup_memory,
  file_envoy_extensions_resource_monitors_downstream_connections_v3_downstream_connections,
  file_envoy_extensions_resource_monitors_fixed_heap_v3_fixed_heap,
  file_envoy_extensions_resource_monitors_injected_resource_v3_injected_resource,
  file_envoy_extensions_retry_host_omit_host_metadata_v3_omit_host_metadata_config,
  file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts,
  file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config,
  file_envoy_extensions_transport_sockets_internal_upstream_v3_internal_upstream,
  file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol,
  file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer,
  file_envoy_extensions_transport_sockets_tls_v3_common,
  file_envoy_extensions_transport_sockets_tls_v3_secret,
  file_envoy_extensions_transport_sockets_tls_v3_tls,
  file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config,
  file_envoy_extensions_upstreams_http_generic_v3_generic_connection_pool,
  file_envoy_extensions_upstreams_http_v3_http_protocol_options,
  file_envoy_extensions_upstreams_tcp_v3_tcp_protocol_options,
  file_envoy_extensions_wasm_v3_wasm,
  file_envoy_service_accesslog_v3_als,
  file_envoy_service_auth_v3_attribute_context,
  file_envoy_service_auth_v3_external_auth,
  file_envoy_service_cluster_v3_cds,
  file_envoy_service_discovery_v3_ads,
  file_envoy_service_discovery_v3_discovery,
  file_envoy_service_endpoint_v3_eds,
  file_envoy_service_extension_v3_config_discovery,
  file_envoy_service_health_v3_hds,
  file_envoy_service_listener_v3_lds,
  file_envoy_service_ratelimit_v3_rls,
  file_envoy_service_route_v3_rds,
  file_envoy_service_secret_v3_sds,
  file_envoy_service_status_v3_csds,
  file_envoy_type_http_v3_path_transformation,
  file_envoy_type_matcher_v3_filter_state,
  file_envoy_type_matcher_v3_metadata,
  file_envoy_type_matcher_v3_node,
  file_envoy_type_matcher_v3_number,
  file_envoy_type_matcher_v3_path,
  file_envoy_type_matcher_v3_regex,
  file_envoy_type_matcher_v3_string,
  file_envoy_type_matcher_v3_struct,
  file_envoy_type_matcher_v3_value,
  file_envoy_type_metadata_v3_metadata,
  file_envoy_type_tracing_v3_custom_tag,
  file_envoy_type_v3_hash_policy,
  file_envoy_type_v3_http,
  file_envoy_type_v3_http_status,
  file_envoy_type_v3_percent,
  file_envoy_type_v3_range,
  file_envoy_type_v3_ratelimit_unit,
  file_envoy_type_v3_semantic_version,
  file_envoy_type_v3_token_bucket,
  file_google_rpc_code,
  file_google_rpc_status,
  file_io_istio_http_peer_metadata_config,
  file_istio_stats_config,
  file_topsail_authz_v1_opa,
  file_topsail_filters_v1_body_limit,
  file_topsail_filters_v1_shared_rate_limit,
  file_xds_core_v3_authority,
  file_xds_core_v3_collection_entry,
  file_xds_core_v3_context_params,
  file_xds_core_v3_extension,
  file_xds_core_v3_resource_locator,
  file_xds_type_matcher_v3_matcher,
  file_xds_type_matcher_v3_regex,
  file_xds_type_matcher_v3_string,
  file_xds_type_v3_typed_struct,
  file_udpa_type_v1_typed_struct,
];

export const types: Registry = createRegistry(...files);
