// What Envoy's Http2ProtocolOptions become, towards clients and towards endpoints: limits of the codec, and keep-alive.

import type { Http2ProtocolOptions } from '#proto/envoy/config/core/v3/protocol_pb.ts';
import type { H2Limits } from '#wire/h2';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { H2KeepAliveSettings } from './h2-keep-alive.ts';

export interface H2Settings {
  /** Over the codec's own. */
  readonly limits: Partial<H2Limits>;
  readonly keepAlive: H2KeepAliveSettings | undefined;
}

export const NO_H2_SETTINGS: H2Settings = { limits: {}, keepAlive: undefined };

/** Bytes of one stream, and of one connection, that configuration may make a slow reader leave with us. */
const STREAM_WINDOW_MAX = 16 * 1024 * 1024;
const CONNECTION_WINDOW_MAX = 128 * 1024 * 1024;
/** Streams that configuration may let a client open on one connection. */
const CLIENT_STREAMS_MAX = 65_536;
/** RFC 9113 §6.9.1 and Envoy's own bound: a window begins with as much, and there is no way to announce less of a connection's. */
const WINDOW_LEAST = 65_535;
const WINDOW_MOST = 2_147_483_647;
const JITTER_DEFAULT = 15;

/** Accepted, and without effect: the codec's own limits hold (wire/h2/limits.ts). */
const UNUSED = {
  hpack_table_size: 'hpackTableSize',
  allow_metadata: 'allowMetadata',
  max_outbound_frames: 'maxOutboundFrames',
  max_outbound_control_frames: 'maxOutboundControlFrames',
  max_consecutive_inbound_frames_with_empty_payload: 'maxConsecutiveInboundFramesWithEmptyPayload',
  max_inbound_priority_frames_per_stream: 'maxInboundPriorityFramesPerStream',
  max_inbound_window_update_frames_per_data_frame_sent: 'maxInboundWindowUpdateFramesPerDataFrameSent',
  stream_error_on_invalid_http_messaging: 'streamErrorOnInvalidHttpMessaging',
  override_stream_error_on_invalid_http_message: 'overrideStreamErrorOnInvalidHttpMessage',
} as const satisfies Record<string, keyof Http2ProtocolOptions>;

type Warn = (field: string, reason: string) => void;

/** `towards`: who opens the streams. An endpoint bounds them itself, a client is told our bound. */
export function readH2Settings(
  options: Http2ProtocolOptions | undefined,
  towards: 'client' | 'endpoint',
  field: string,
  warn: Warn,
): H2Settings {
  if (options === undefined) return NO_H2_SETTINGS;
  for (const [name, key] of Object.entries(UNUSED))
    if (options[key] !== undefined && options[key] !== false)
      warn(`${field}.${name}`, 'has no effect: the proxy has limits of its own');
  if (options.customSettingsParameters.length > 0)
    warn(`${field}.custom_settings_parameters`, 'has no effect: they are not sent');
  const stream = within(
    options.initialStreamWindowSize,
    STREAM_WINDOW_MAX,
    `${field}.initial_stream_window_size`,
    warn,
    WINDOW_LEAST,
  );
  const connection = within(
    options.initialConnectionWindowSize,
    CONNECTION_WINDOW_MAX,
    `${field}.initial_connection_window_size`,
    warn,
    WINDOW_LEAST,
  );
  const streams = within(
    options.maxConcurrentStreams,
    towards === 'client' ? CLIENT_STREAMS_MAX : WINDOW_MOST,
    `${field}.max_concurrent_streams`,
    warn,
    1,
  );
  return {
    limits: {
      ...(stream === undefined ? {} : { streamWindowBytes: stream }),
      ...(connection === undefined ? {} : { connectionWindowBytes: connection }),
      ...(streams === undefined ? {} : { concurrentStreamsMax: streams }),
    },
    keepAlive: readKeepAlive(options, `${field}.connection_keepalive`, warn),
  };
}

function within(value: number | undefined, most: number, field: string, warn: Warn, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (value < least || value > WINDOW_MOST)
    throw new ConfigError('proxy.field-invalid', field, `${value} is not within ${least} to ${WINDOW_MOST}`);
  if (value <= most) return value;
  warn(field, `${value} is more than this proxy gives: it is ${most}`);
  return most;
}

function readKeepAlive(options: Http2ProtocolOptions, field: string, warn: Warn): H2KeepAliveSettings | undefined {
  const config = options.connectionKeepalive;
  if (config === undefined) return undefined;
  if (config.connectionIdleInterval !== undefined)
    warn(`${field}.connection_idle_interval`, 'has no effect: PINGs are sent by interval only');
  const intervalMs = millisOf(config.interval) ?? 0;
  const timeoutMs = millisOf(config.timeout) ?? 0;
  if (intervalMs <= 0) return undefined;
  if (timeoutMs < 1) throw new ConfigError('proxy.field-invalid', `${field}.timeout`, 'must be at least 1 ms');
  return { intervalMs, timeoutMs, jitter: (config.intervalJitter?.value ?? JITTER_DEFAULT) / 100 };
}
