// The names of Envoy's statistics that the proxy keeps, one schema per kind of block
// (Envoy: operations guides "cluster stats", "HTTP connection manager statistics", "listener statistics", "TCP proxy").

import { defineBlock } from './stat-block.ts';

export const CLUSTER_BLOCK = defineBlock({
  prefix: 'cluster.$',
  labels: ['envoy_cluster_name'],
  codes: 'upstream_rq',
  counters: [
    'assignment_stale', 'assignment_timeout_received', 'bind_errors', 'lb_healthy_panic', 'lb_subsets_selected',
    'lb_subsets_fallback', 'lb_subsets_fallback_panic', 'lb_zone_routing_all_directly', 'lb_zone_routing_sampled',
    'lb_zone_routing_cross_zone', 'membership_change', 'original_dst_host_invalid', 'retry_or_shadow_abandoned',
    'update_attempt', 'update_empty', 'update_failure', 'update_no_rebuild', 'update_success',
    'upstream_cx_close_notify', 'upstream_cx_connect_attempts_exceeded', 'upstream_cx_connect_fail',
    'upstream_cx_connect_timeout', 'upstream_cx_destroy', 'upstream_cx_destroy_local',
    'upstream_cx_destroy_local_with_active_rq', 'upstream_cx_destroy_remote',
    'upstream_cx_destroy_remote_with_active_rq', 'upstream_cx_destroy_with_active_rq', 'upstream_cx_http1_total',
    'upstream_cx_http2_total', 'upstream_cx_idle_timeout', 'upstream_cx_max_duration_reached',
    'upstream_cx_max_requests', 'upstream_cx_none_healthy', 'upstream_cx_overflow', 'upstream_cx_pool_overflow',
    'upstream_cx_protocol_error', 'upstream_cx_rx_bytes_total', 'upstream_cx_total', 'upstream_cx_tx_bytes_total',
    'upstream_flow_control_backed_up_total', 'upstream_flow_control_drained_total',
    'upstream_flow_control_paused_reading_total', 'upstream_flow_control_resumed_reading_total',
    'upstream_internal_redirect_failed_total', 'upstream_internal_redirect_succeeded_total',
    'upstream_rq_1xx', 'upstream_rq_2xx', 'upstream_rq_3xx', 'upstream_rq_4xx', 'upstream_rq_5xx',
    'upstream_rq_active_overflow', 'upstream_rq_cancelled', 'upstream_rq_completed', 'upstream_rq_maintenance_mode',
    'upstream_rq_max_duration_reached', 'upstream_rq_pending_failure_eject', 'upstream_rq_pending_overflow',
    'upstream_rq_pending_total', 'upstream_rq_per_try_idle_timeout', 'upstream_rq_per_try_timeout',
    'upstream_rq_retry', 'upstream_rq_retry_backoff_exponential', 'upstream_rq_retry_backoff_ratelimited',
    'upstream_rq_retry_limit_exceeded', 'upstream_rq_retry_overflow', 'upstream_rq_retry_success',
    'upstream_rq_rx_reset', 'upstream_rq_timeout', 'upstream_rq_total', 'upstream_rq_tx_reset',
    'health_check.attempt', 'health_check.success', 'health_check.failure', 'health_check.passive_failure',
    'health_check.network_failure', 'health_check.verify_cluster',
    'outlier_detection.ejections_enforced_total', 'outlier_detection.ejections_overflow',
    'outlier_detection.ejections_consecutive_5xx', 'outlier_detection.ejections_detected_consecutive_5xx',
    'outlier_detection.ejections_enforced_consecutive_5xx', 'outlier_detection.ejections_success_rate',
    'outlier_detection.ejections_detected_success_rate', 'outlier_detection.ejections_enforced_success_rate',
    'outlier_detection.ejections_detected_consecutive_gateway_failure',
    'outlier_detection.ejections_enforced_consecutive_gateway_failure',
    'outlier_detection.ejections_detected_consecutive_local_origin_failure',
    'outlier_detection.ejections_enforced_consecutive_local_origin_failure',
    'outlier_detection.ejections_detected_failure_percentage', 'outlier_detection.ejections_enforced_failure_percentage',
    'ssl.connection_error', 'ssl.handshake', 'ssl.session_reused', 'ssl.no_certificate', 'ssl.fail_verify_no_cert',
    'ssl.fail_verify_error', 'ssl.fail_verify_san',
  ],
  gauges: [
    'circuit_breakers.default.cx_open', 'circuit_breakers.default.cx_pool_open', 'circuit_breakers.default.rq_open',
    'circuit_breakers.default.rq_pending_open', 'circuit_breakers.default.rq_retry_open',
    'circuit_breakers.default.remaining_cx', 'circuit_breakers.default.remaining_pending',
    'circuit_breakers.default.remaining_rq', 'circuit_breakers.default.remaining_retries',
    'circuit_breakers.high.cx_open', 'circuit_breakers.high.cx_pool_open', 'circuit_breakers.high.rq_open',
    'circuit_breakers.high.rq_pending_open', 'circuit_breakers.high.rq_retry_open',
    'lb_subsets_active', 'max_host_weight', 'membership_degraded', 'membership_excluded', 'membership_healthy',
    'membership_total', 'upstream_cx_active', 'upstream_cx_rx_bytes_buffered', 'upstream_cx_tx_bytes_buffered',
    'upstream_rq_active', 'upstream_rq_pending_active', 'version', 'warming_state',
    'health_check.healthy', 'health_check.degraded', 'outlier_detection.ejections_active',
  ],
  histograms: ['upstream_cx_connect_ms', 'upstream_cx_length_ms', 'upstream_rq_time'],
  lazy: [
    'upstream_rq_1xx', 'upstream_rq_2xx', 'upstream_rq_3xx', 'upstream_rq_4xx', 'upstream_rq_5xx',
    'upstream_rq_time', 'health_check.', 'outlier_detection.', 'ssl.', 'lb_subsets_fallback',
    'circuit_breakers.default.remaining_cx', 'circuit_breakers.default.remaining_pending',
    'circuit_breakers.default.remaining_rq', 'circuit_breakers.default.remaining_retries',
  ],
});
/** Slots of a cluster's block: `block.inc(CLUSTER.upstream_rq_total)`. */
export const CLUSTER = CLUSTER_BLOCK.slots;

export const HTTP_BLOCK = defineBlock({
  prefix: 'http.$',
  labels: ['envoy_http_conn_manager_prefix'],
  counters: [
    'downstream_cx_delayed_close_timeout', 'downstream_cx_destroy', 'downstream_cx_destroy_active_rq',
    'downstream_cx_destroy_local', 'downstream_cx_destroy_local_active_rq', 'downstream_cx_destroy_remote',
    'downstream_cx_destroy_remote_active_rq', 'downstream_cx_drain_close', 'downstream_cx_http1_total',
    'downstream_cx_http2_total', 'downstream_cx_idle_timeout', 'downstream_cx_max_duration_reached',
    'downstream_cx_max_requests_reached', 'downstream_cx_overload_disable_keepalive', 'downstream_cx_protocol_error',
    'downstream_cx_rx_bytes_total', 'downstream_cx_ssl_total', 'downstream_cx_total', 'downstream_cx_tx_bytes_total',
    'downstream_cx_upgrades_total', 'downstream_flow_control_paused_reading_total',
    'downstream_flow_control_resumed_reading_total', 'downstream_rq_1xx', 'downstream_rq_2xx', 'downstream_rq_3xx',
    'downstream_rq_4xx', 'downstream_rq_5xx', 'downstream_rq_completed', 'downstream_rq_failed_path_normalization',
    'downstream_rq_header_timeout', 'downstream_rq_http1_total', 'downstream_rq_http2_total',
    'downstream_rq_idle_timeout', 'downstream_rq_max_duration_reached', 'downstream_rq_non_relative_path',
    'downstream_rq_overload_close', 'downstream_rq_peer_revoked', 'downstream_rq_redirected_with_normalized_path',
    'downstream_rq_rejected_via_ip_detection', 'downstream_rq_response_before_rq_complete', 'downstream_rq_rx_reset',
    'downstream_rq_timeout', 'downstream_rq_too_large', 'downstream_rq_too_many_premature_resets',
    'downstream_rq_total', 'downstream_rq_tx_reset', 'downstream_rq_ws_on_non_ws_route', 'no_cluster', 'no_route',
    'rq_direct_response', 'rq_redirect', 'rq_reset_after_downstream_response_started', 'rq_total', 'rs_too_large',
    'tracing.client_enabled', 'tracing.health_check', 'tracing.not_traceable', 'tracing.random_sampling',
    'tracing.service_forced', 'rbac.allowed', 'rbac.denied', 'rbac.shadow_allowed', 'rbac.shadow_denied',
    'fault.aborts_injected', 'fault.delays_injected', 'fault.faults_overflow', 'cors.origin_valid',
    'cors.origin_invalid',
  ],
  gauges: [
    'downstream_cx_active', 'downstream_cx_http1_active', 'downstream_cx_http1_soft_drain',
    'downstream_cx_http2_active', 'downstream_cx_rx_bytes_buffered', 'downstream_cx_ssl_active',
    'downstream_cx_tx_bytes_buffered', 'downstream_cx_upgrades_active', 'downstream_rq_active',
  ],
  histograms: ['downstream_cx_length_ms', 'downstream_rq_time'],
  lazy: ['rbac.', 'fault.', 'cors.'],
});
export const HTTP = HTTP_BLOCK.slots;

export const LISTENER_BLOCK = defineBlock({
  prefix: 'listener.$',
  labels: ['envoy_listener_address'],
  counters: [
    'downstream_cx_destroy', 'downstream_cx_overflow', 'downstream_cx_overload_reject', 'downstream_cx_peer_revoked', 'downstream_cx_total',
    'downstream_cx_transport_socket_connect_timeout', 'downstream_global_cx_overflow',
    'downstream_listener_filter_error', 'downstream_listener_filter_remote_close', 'downstream_pre_cx_timeout',
    'extension_config_missing', 'network_extension_config_missing', 'no_filter_chain_match', 'ssl.connection_error',
    'ssl.handshake', 'ssl.session_reused', 'ssl.no_certificate', 'ssl.fail_verify_no_cert', 'ssl.fail_verify_error',
    'ssl.fail_verify_san',
  ],
  gauges: ['downstream_cx_active', 'downstream_pre_cx_active'],
  histograms: ['downstream_cx_length_ms'],
  lazy: ['ssl.'],
});
export const LISTENER = LISTENER_BLOCK.slots;

/** Responses per listener and connection manager. */
export const LISTENER_HTTP_BLOCK = defineBlock({
  prefix: 'listener.$.http.$',
  labels: ['envoy_listener_address', 'envoy_http_conn_manager_prefix'],
  counters: [
    'downstream_rq_1xx', 'downstream_rq_2xx', 'downstream_rq_3xx', 'downstream_rq_4xx', 'downstream_rq_5xx',
    'downstream_rq_completed',
  ],
});
export const LISTENER_HTTP = LISTENER_HTTP_BLOCK.slots;

export const TCP_BLOCK = defineBlock({
  prefix: 'tcp.$',
  labels: ['envoy_tcp_prefix'],
  counters: [
    'downstream_cx_drain_close', 'downstream_cx_no_route', 'downstream_cx_rx_bytes_total', 'downstream_cx_total',
    'downstream_cx_tx_bytes_total', 'downstream_flow_control_paused_reading_total',
    'downstream_flow_control_resumed_reading_total', 'idle_timeout', 'max_downstream_connection_duration',
    'upstream_flush_total', 'rbac.allowed', 'rbac.denied', 'rbac.shadow_allowed', 'rbac.shadow_denied',
  ],
  gauges: ['downstream_cx_rx_bytes_buffered', 'downstream_cx_tx_bytes_buffered', 'upstream_flush_active'],
  lazy: ['rbac.'],
});
export const TCP = TCP_BLOCK.slots;

export const CLUSTER_MANAGER_BLOCK = defineBlock({
  prefix: 'cluster_manager',
  labels: [],
  counters: [
    'cluster_added', 'cluster_modified', 'cluster_removed', 'cluster_updated', 'cds.update_attempt',
    'cds.update_success', 'cds.update_failure', 'cds.update_rejected',
  ],
  gauges: ['active_clusters', 'warming_clusters', 'cds.version', 'cds.control_plane.connected_state'],
  lazy: ['cds.'],
});
export const CLUSTER_MANAGER = CLUSTER_MANAGER_BLOCK.slots;

export const LISTENER_MANAGER_BLOCK = defineBlock({
  prefix: 'listener_manager',
  labels: [],
  counters: [
    'listener_added', 'listener_create_failure', 'listener_create_success', 'listener_in_place_updated',
    'listener_modified', 'listener_removed', 'listener_stopped', 'lds.update_attempt', 'lds.update_success',
    'lds.update_failure', 'lds.update_rejected',
  ],
  gauges: [
    'total_filter_chains_draining', 'total_listeners_active', 'total_listeners_draining', 'total_listeners_warming',
    'workers_started', 'lds.version',
  ],
  lazy: ['lds.'],
});
export const LISTENER_MANAGER = LISTENER_MANAGER_BLOCK.slots;
