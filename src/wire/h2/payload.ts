// Payloads of single frames, checked for their size and form (RFC 9113 §6): padding, priority, settings, increments.
import { latin1 } from '../http/latin1.ts';
import { ConnectionError, H2_ERROR } from './errors.ts';
import { FLAG, WINDOW_MAX } from './frame.ts';

/** DATA or HEADERS without padding; `reserved` bytes must remain. */
export function unpad(flags: number, payload: Buffer, reserved: number): Buffer {
  if ((flags & FLAG.PADDED) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding + 1 + reserved > payload.length) {
    throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'padding is longer than its frame (RFC 9113 §6.1)');
  }
  return payload.subarray(1, payload.length - padding);
}

/** The header block fragment of HEADERS: without padding and priority. */
export function headerFragment(flags: number, streamId: number, payload: Buffer): Buffer {
  if (streamId === 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'HEADERS on stream 0 (RFC 9113 §6.2)');
  if ((flags & FLAG.PRIORITY) === 0) return unpad(flags, payload, 0);
  const fragment = unpad(flags, payload, 5);
  if (fragment.length < 5) throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'HEADERS is too short (RFC 9113 §6.2)');
  if (dependsOnItself(fragment, streamId))
    throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'a stream depends on itself (RFC 9113 §5.3.1)');
  return fragment.subarray(5);
}

export function priorityProblem(payload: Buffer, streamId: number): ConnectionError | undefined {
  if (payload.length !== 5)
    return new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'PRIORITY is not five bytes (RFC 9113 §6.3)');
  return dependsOnItself(payload, streamId)
    ? new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'a stream depends on itself (RFC 9113 §5.3.1)')
    : undefined;
}

function dependsOnItself(priority: Buffer, streamId: number): boolean {
  return (priority.readUInt32BE(0) & WINDOW_MAX) === streamId;
}

export function settingsOf(payload: Buffer, countMax: number): (readonly [id: number, value: number])[] {
  if (payload.length % 6 !== 0)
    throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'SETTINGS is not a multiple of six bytes (RFC 9113 §6.5)');
  if (payload.length > countMax * 6)
    throw new ConnectionError(
      H2_ERROR.ENHANCE_YOUR_CALM,
      'too many values in one SETTINGS',
      'inbound_control_frames_flood',
    );
  return Array.from(
    { length: payload.length / 6 },
    (_, i) => [payload.readUInt16BE(i * 6), payload.readUInt32BE(i * 6 + 2)] as const,
  );
}

/** Zero is the caller's to judge: on a stream it is a stream error. */
export function windowIncrement(payload: Buffer): number {
  if (payload.length !== 4)
    throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'WINDOW_UPDATE is not four bytes (RFC 9113 §6.9)');
  return payload.readUInt32BE(0) & WINDOW_MAX;
}

export interface Goaway {
  readonly lastStreamId: number;
  readonly code: number;
  readonly debug: string;
}

export function goawayOf(streamId: number, payload: Buffer): Goaway {
  if (streamId !== 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'GOAWAY on a stream (RFC 9113 §6.8)');
  if (payload.length < 8) throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'GOAWAY is too short (RFC 9113 §6.8)');
  return {
    lastStreamId: payload.readUInt32BE(0) & WINDOW_MAX,
    code: payload.readUInt32BE(4),
    debug: latin1(payload, 8, Math.min(payload.length, 208)),
  };
}

export function resetCode(streamId: number, payload: Buffer): number {
  if (payload.length !== 4)
    throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'RST_STREAM is not four bytes (RFC 9113 §6.4)');
  if (streamId === 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'RST_STREAM on stream 0 (RFC 9113 §6.4)');
  return payload.readUInt32BE(0);
}
