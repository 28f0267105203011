// What a stream asks of the server that it belongs to.
import type { Clock, Logger } from '#base';
import type { RepeatedNames } from '../codec/repeated-names.ts';
import type { ResponseEncoder } from '../codec/response.ts';
import type { XdsBackend } from './backend.ts';
import type { PushCounts } from './push-counts.ts';
import type { XdsStream } from './stream.ts';

export interface StreamHost {
  readonly backend: XdsBackend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly encoder: ResponseEncoder;
  /** Long lists of names, of all streams. */
  readonly repeated: RepeatedNames;
  readonly counts: PushCounts;
  joined(stream: XdsStream): void;
  left(stream: XdsStream): void;
  /** Asks for `pump` soon, in this stream's turn. */
  schedule(stream: XdsStream): void;
  /** Watermark, lag or rejections changed. */
  progressed(stream: XdsStream): void;
}
