// The one table from what went wrong to what the client and the access log are told, in Envoy's words.

import type { ResponseFlag } from '#telemetry';
import type { ResetReason } from '#wire/http';
import type { LocalReply } from './filter.ts';

interface Rescue {
  readonly status: number;
  readonly flag: ResponseFlag | undefined;
  readonly details: string;
  readonly body: string;
}

export const RESCUES = {
  'no-route': { status: 404, flag: 'NR', details: 'route_not_found', body: '' },
  'no-cluster': { status: 503, flag: 'NC', details: 'cluster_not_found', body: '' },
  'no-healthy-upstream': { status: 503, flag: 'UH', details: 'no_healthy_upstream', body: 'no healthy upstream' },
  'response-timeout': { status: 504, flag: 'UT', details: 'response_timeout', body: 'upstream request timeout' },
  'per-try-timeout': { status: 504, flag: 'UT', details: 'upstream_per_try_timeout', body: 'upstream request timeout' },
  'per-try-idle-timeout': {
    status: 504,
    flag: 'SI',
    details: 'upstream_per_try_idle_timeout',
    body: 'upstream request timeout',
  },
  'max-stream-duration': {
    status: 504,
    flag: 'UMSDR',
    details: 'upstream_max_stream_duration_reached',
    body: 'upstream max stream duration reached',
  },
  'stream-idle': { status: 504, flag: 'SI', details: 'stream_idle_timeout', body: 'stream timeout' },
  'request-timeout': { status: 408, flag: undefined, details: 'request_overall_timeout', body: 'request timeout' },
  'request-header-timeout': {
    status: 408,
    flag: undefined,
    details: 'request_header_timeout',
    body: 'request header timeout',
  },
  'downstream-max-duration': {
    status: 408,
    flag: undefined,
    details: 'max_duration_timeout',
    body: 'downstream duration timeout',
  },
  'request-too-large': {
    status: 413,
    flag: undefined,
    details: 'request_payload_too_large',
    body: 'Payload Too Large',
  },
  'response-too-large': {
    status: 500,
    flag: undefined,
    details: 'response_payload_too_large',
    body: 'Internal Server Error',
  },
  'path-invalid': { status: 400, flag: undefined, details: 'path_normalization_failed', body: '' },
  'host-missing': { status: 400, flag: undefined, details: 'missing_host_header', body: '' },
  'upgrade-refused': { status: 403, flag: undefined, details: 'upgrade_failed', body: '' },
  'no-filter-chain': { status: 404, flag: 'NR', details: 'filter_chain_not_found', body: '' },
  overloaded: { status: 503, flag: 'OM', details: 'overload', body: 'envoy overloaded' },
  maintenance: { status: 503, flag: 'UO', details: 'maintenance_mode', body: 'maintenance mode' },
  internal: { status: 500, flag: undefined, details: 'internal_error', body: '' },
} as const satisfies Record<string, Rescue>;

export type RescueCause = keyof typeof RESCUES;

export function rescue(cause: RescueCause): LocalReply {
  const { status, flag, details, body } = RESCUES[cause] as Rescue;
  return flag === undefined ? { status, body, details } : { status, body, details, flag };
}

/** `quiet`: whoever asked wants no failure for it (x-envoy-upstream-rq-timeout-alt-response). */
export function lateReply(quiet: boolean): LocalReply {
  const reply = rescue('response-timeout');
  return quiet ? { ...reply, status: 204, body: '' } : reply;
}

/** Envoy's words for a reset of the upstream's stream, its flag and its status. */
const RESETS: Readonly<
  Record<ResetReason, { readonly words: string; readonly flag: ResponseFlag; readonly status: number }>
> = {
  'local-reset': { words: 'local reset', flag: 'LR', status: 503 },
  'remote-reset': { words: 'remote reset', flag: 'UR', status: 503 },
  'refused-stream': { words: 'remote refused stream reset', flag: 'UR', status: 503 },
  'connection-failure': { words: 'remote connection failure', flag: 'UF', status: 503 },
  'connection-timeout': { words: 'connection timeout', flag: 'UF', status: 503 },
  'connection-termination': { words: 'connection termination', flag: 'UC', status: 503 },
  'tls-failure': { words: 'remote connection failure', flag: 'UF', status: 503 },
  overflow: { words: 'overflow', flag: 'UO', status: 503 },
  'protocol-error': { words: 'protocol error', flag: 'UPE', status: 502 },
  timeout: { words: 'connection timeout', flag: 'UF', status: 503 },
};

const OVERLOADED = [['x-envoy-overloaded', 'true']] as const;

/** The upstream's stream broke before any response head. `transport` = why the connection could not be made; '' = not that. */
export function rescueReset(reason: ResetReason, transport: string, retried: boolean): LocalReply {
  const { words, flag, status } = RESETS[reason];
  const why = transport === '' ? '' : `, transport failure reason: ${transport}`;
  const body = `upstream connect error or disconnect/reset before headers. ${retried ? 'retried and the latest ' : ''}reset reason: ${words}${why}`;
  const details = `upstream_reset_before_response_started{${detailWords(transport === '' ? words : `${words}|${transport}`)}}`;
  return reason === 'overflow' ? { status, body, details, flag, headers: OVERLOADED } : { status, body, details, flag };
}

export function resetFlag(reason: ResetReason): ResponseFlag {
  return RESETS[reason].flag;
}

export function resetDetails(reason: ResetReason): string {
  return `upstream_reset_after_response_started{${detailWords(RESETS[reason].words)}}`;
}

/** Access log fields are split at spaces: Envoy writes '_' for them. */
function detailWords(text: string): string {
  return text.replace(/\s/g, '_');
}

/** gRPC status of a local reply to a gRPC request (grpc/doc/http-grpc-status-mapping.md). */
export function grpcStatusOf(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}
