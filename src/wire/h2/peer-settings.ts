// Applies the peer's SETTINGS, each checked for its range (RFC 9113 §6.5.2, RFC 8441 §3).
import { ConnectionError, H2_ERROR } from './errors.ts';
import { FRAME_BYTES_DEFAULT, FRAME_BYTES_LARGEST, SETTING, WINDOW_MAX } from './frame.ts';

/** Larger frames only make the others wait. */
const OUR_FRAME_BYTES_MAX = 65_536;

export interface PeerSettings {
  readonly writer: { readonly encoder: { setCapacity(bytes: number): void } };
  readonly streams: { values(): readonly { sendWindow: number }[] };
  readonly peerIsServer: boolean;
  peerConcurrentStreamsMax: number;
  peerInitialWindow: number;
  peerFrameBytesMax: number;
  peerConnectProtocol: boolean;
}

/** Unknown settings mean nothing (§6.5.2). Windows of open streams move by the difference and may become negative (§6.9.2). */
export function applySetting(peer: PeerSettings, id: number, value: number): void {
  switch (id) {
    case SETTING.HEADER_TABLE_SIZE:
      peer.writer.encoder.setCapacity(value);
      break;
    case SETTING.ENABLE_PUSH:
      mustBeFlag(value, 'ENABLE_PUSH');
      if (value === 1 && peer.peerIsServer)
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'a server sent ENABLE_PUSH of 1 (RFC 9113 §6.5.2)');
      break;
    case SETTING.MAX_CONCURRENT_STREAMS:
      peer.peerConcurrentStreamsMax = value;
      break;
    case SETTING.INITIAL_WINDOW_SIZE: {
      mustFitWindow(value);
      const delta = value - peer.peerInitialWindow;
      peer.peerInitialWindow = value;
      for (const stream of peer.streams.values()) {
        stream.sendWindow += delta;
        mustFitWindow(stream.sendWindow);
      }
      break;
    }
    case SETTING.MAX_FRAME_SIZE:
      if (value < FRAME_BYTES_DEFAULT || value > FRAME_BYTES_LARGEST) {
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'MAX_FRAME_SIZE is out of range (RFC 9113 §6.5.2)');
      }
      peer.peerFrameBytesMax = Math.min(value, OUR_FRAME_BYTES_MAX);
      break;
    case SETTING.ENABLE_CONNECT_PROTOCOL:
      mustBeFlag(value, 'ENABLE_CONNECT_PROTOCOL');
      peer.peerConnectProtocol = value === 1;
      break;
    default:
  }
}

function mustBeFlag(value: number, name: string): void {
  if (value > 1) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, `${name} is neither 0 nor 1 (RFC 9113 §6.5.2)`);
}

function mustFitWindow(bytes: number): void {
  if (bytes > WINDOW_MAX)
    throw new ConnectionError(H2_ERROR.FLOW_CONTROL_ERROR, 'a window is over 2^31-1 (RFC 9113 §6.9.2)');
}
