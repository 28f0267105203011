// Every limit of an HTTP/2 connection, with its unit and argument.

import type { HeadBounds } from '../http/stream.ts';
import { FRAME_BYTES_DEFAULT } from './frame.ts';

export interface H2Limits {
  /** SETTINGS_MAX_CONCURRENT_STREAMS that we announce. Envoy's default for the edge. */
  readonly concurrentStreamsMax: number;
  /** Decoded header list, counted as RFC 9113 §6.5.2 (name + value + 32 each); over it: 431, or a reset of the stream. */
  readonly headerListBytesMax: number;
  readonly headersMax: number;
  /** Compressed header block over HEADERS and CONTINUATION together: a flood ends here, before decoding (CVE-2024-27316). */
  readonly headerBlockBytesMax: number;
  /** CONTINUATION frames after one HEADERS; each costs a parse even when empty. */
  readonly continuationsMax: number;
  /** Flow-control window of one stream in bytes: the most that one slow stream can make us hold. */
  readonly streamWindowBytes: number;
  /** Window of the whole connection; above the sum that a few busy streams need, so that one paused stream never stops the others. */
  readonly connectionWindowBytes: number;
  /** SETTINGS_MAX_FRAME_SIZE that we announce (bytes). */
  readonly frameBytesMax: number;
  /** PING, SETTINGS, PRIORITY, WINDOW_UPDATE that no body earned without traffic between them: each needs work or an answer, none moves a request. */
  readonly idleControlFramesMax: number;
  /** Requests that came to nothing beyond what finished ones earn (rapid reset, CVE-2023-44487). */
  readonly resetCreditMax: number;
  /** Identifiers and values in one SETTINGS: there are seven to set. */
  readonly settingsMax: number;
  /** WINDOW_UPDATEs of a few bytes while body waits for the window; each costs a frame of its own. */
  readonly strawUpdatesMax: number;
  /** DATA frames without bytes and without END_STREAM in a row. */
  readonly emptyDataFramesMax: number;
  /** Above so many bytes of unread output, answers to control frames count against the next one. */
  readonly unreadBytes: number;
  /** PINGs and SETTINGS that are answered while output is unread, before the peer is cut. */
  readonly unreadAnswersMax: number;
  /** Above so many bytes of unread output new streams are refused: heads and trailers of responses know no window. */
  readonly unreadHeadsBytes: number;
  /** Streams in a row that are refused so, before the peer is cut. */
  readonly unreadStreamsMax: number;
}

/** A block that is allowed must also arrive: in frames of the least size that a peer may choose to fill. */
export function h2HeadLimits({ headBytesMax, fieldsMax }: HeadBounds) {
  return {
    headerListBytesMax: headBytesMax,
    headersMax: fieldsMax,
    headerBlockBytesMax: Math.max(DEFAULT_LIMITS.headerBlockBytesMax, headBytesMax),
    continuationsMax: Math.max(DEFAULT_LIMITS.continuationsMax, Math.ceil(headBytesMax / FRAME_BYTES_DEFAULT)),
  };
}

export const DEFAULT_LIMITS: H2Limits = {
  concurrentStreamsMax: 1024,
  headerListBytesMax: 96 * 1024,
  headersMax: 200,
  headerBlockBytesMax: 96 * 1024,
  continuationsMax: 32,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  frameBytesMax: 16_384,
  idleControlFramesMax: 1_000,
  resetCreditMax: 200,
  settingsMax: 32,
  strawUpdatesMax: 1_000,
  emptyDataFramesMax: 32,
  unreadBytes: 64 * 1024,
  unreadAnswersMax: 1_000,
  unreadHeadsBytes: 1024 * 1024,
  unreadStreamsMax: 100,
};
