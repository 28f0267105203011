// The part of an HTTP/2 connection that both roles share (RFC 9113): preface, settings, windows, frame order, floods, GOAWAY.
import { type Conn, type ConnError, type ConnHandler, consumeBytes } from '#base';
import { ConnectionError, H2_ERROR, resetForCode } from './errors.ts';
import { DEFAULT_WINDOW, FLAG, FRAME, FRAME_BYTES_DEFAULT, SETTING, WINDOW_MAX } from './frame.ts';
import type { ResetReason } from '../http/stream.ts';
import type { H2Options } from './h2-options.ts';
import type { H2Stream } from './h2-stream.ts';
import { HeldRead } from './held-read.ts';
import { HpackDecoder } from './hpack-decode.ts';
import type { H2Limits } from './limits.ts';
import { FloodGuard, type H2Violation } from './flood-guard.ts';
import { Graves } from './graves.ts';
import { HeaderBlockAssembler, type HeaderBlockFragments } from './header-block-assembler.ts';
import { FrameReader, type FrameSink } from './parse.ts';
import { applySetting } from './peer-settings.ts';
import { StreamEnds } from './stream-ends.ts';
import { StreamTable } from './stream-table.ts';
import { StreamWaiters } from './stream-waiters.ts';
import {
  type Goaway,
  goawayOf,
  headerFragment,
  priorityProblem,
  resetCode,
  settingsOf,
  unpad,
  windowIncrement,
} from './payload.ts';
import { FrameWriter } from './serialize.ts';

/** Output above this in the socket's queue counts as congestion: senders wait. */
const CONGESTED_BYTES = 256 * 1024;
const DRAIN_PING = Buffer.from('drainpng', 'latin1');

export abstract class H2Connection implements ConnHandler, FrameSink {
  limits: H2Limits;
  readonly conn: Conn;
  readonly writer: FrameWriter;
  readonly streams = new StreamTable<H2Stream>();
  sendWindow = DEFAULT_WINDOW;
  peerInitialWindow = DEFAULT_WINDOW;
  peerFrameBytesMax = FRAME_BYTES_DEFAULT;
  peerConcurrentStreamsMax = 0xffff_ffff;
  peerConnectProtocol = false;
  readonly peerIsServer: boolean = false;
  /** Highest stream id that the peer opened (server role) or that we opened (client role). */
  lastStreamId = 0;
  /** The peer knows our limits. */
  settingsAcknowledged = false;
  goawaySent = false;
  goawayReceived = false;
  closed = false;
  closing = false;
  readonly #reader: FrameReader;
  readonly #held: HeldRead;
  readonly #ends: StreamEnds<H2Stream>;
  readonly #decoder = new HpackDecoder();
  #recvCredit = 0;
  #settingsSeen = false;
  readonly #waiters = new StreamWaiters<H2Stream>();
  protected readonly graves = new Graves();
  protected readonly floods: FloodGuard;
  readonly #block: HeaderBlockAssembler;
  chunksReceived = 0;
  /** Hears the answers to PINGs; set by whoever sends them. */
  pong: ((payload: Buffer) => void) | undefined = undefined;
  /** Why we ended the connection; '' = we did not. */
  violation: H2Violation | '' = '';

  constructor(conn: Conn, options: H2Options) {
    this.conn = conn;
    this.limits = options.limits;
    this.writer = new FrameWriter(conn, options.defer, options.relays);
    this.#reader = new FrameReader(options.limits.frameBytesMax, options.later !== undefined);
    this.#held = new HeldRead(conn, options.later, () => !this.closing && this.#read(undefined), this.streams);
    this.#ends = new StreamEnds(options.later);
    this.floods = new FloodGuard(options.limits, options.now);
    this.#block = new HeaderBlockAssembler(this);
  }

  /** HEADERS of a stream that is not open, and of one that is (response, trailers). */
  protected abstract onHeaders(streamId: number, fields: readonly string[], end: boolean, tooLarge: boolean): void;
  protected abstract streamEnded(stream: H2Stream): void;
  /** A stream was reset before it came to anything. Whose fault that is depends on the role. */
  protected abstract streamWasted(): void;
  /** Our end is sent: true when somebody bounds how long the peer may take to read it. */
  protected abstract lingers(): boolean;
  protected abstract onPeerGoaway(goaway: Goaway): void;
  protected abstract connectionClosed(error: ConnError | undefined): void;

  get congested(): boolean {
    return this.writer.queuedBytes > CONGESTED_BYTES;
  }

  protected sendOpening(preface: Uint8Array, extra: readonly (readonly [number, number])[]): void {
    const limits = this.limits;
    if (preface.length > 0) this.writer.raw(preface);
    this.writer.settings([
      [SETTING.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
      [SETTING.MAX_FRAME_SIZE, limits.frameBytesMax],
      [SETTING.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
      ...extra,
    ]);
    const grow = limits.connectionWindowBytes - DEFAULT_WINDOW;
    if (grow > 0) this.writer.windowUpdate(0, grow);
    this.writer.flush();
  }

  onData(data: Buffer): void {
    if (this.closing) return consumeBytes(data);
    this.chunksReceived++;
    if (this.#read(data)) this.#held.begin();
  }

  /** True: the rest of it waits. `undefined`: goes on with that. */
  #read(data: Buffer | undefined): boolean {
    try {
      if (data === undefined) this.#reader.readOn(this);
      else this.consume(data);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error.code, error.message, error.violation);
    }
    return this.#reader.held && !this.closing;
  }

  protected consume(data: Buffer): void {
    this.#reader.read(data, this);
  }

  onEnd(): void {
    if (!this.#held.keepsEnd()) this.conn.end();
  }

  onDrain(): void {
    this.#waiters.outputDrained();
  }

  onClose(error: ConnError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.closing = true;
    const why = error?.message ?? 'the peer closed the connection';
    this.#ends.tell(this.streams.takeAll(), (one) => this.resetHandler(one, 'connection-termination', why, true));
    this.#ends.whenTold(() => this.connectionClosed(error));
  }

  /** Ends the connection for a breach by the peer: GOAWAY with the reason, then close. */
  fail(code: number, detail: string, violation: H2Violation = 'protocol_errors'): void {
    if (this.closing) return;
    this.closing = true;
    this.violation = violation;
    this.writer.goaway(this.lastStreamId, code, detail.slice(0, 200));
    this.writer.flush();
    this.#ends.tell(this.streams.takeAll(), (stream) => this.resetHandler(stream, 'protocol-error', detail, true));
    this.conn.end();
    // Closed with bytes unread, the kernel sends a reset, and the peer never learns what the GOAWAY says.
    if (!this.lingers()) this.conn.destroy();
  }

  /** Announces the end: streams under way finish, new ones go elsewhere; closes when the last is done. */
  drain(): void {
    if (this.goawaySent || this.closing) return;
    this.goawaySent = true;
    // Two steps (RFC 9113 §6.8): nothing that the peer sent meanwhile is lost.
    this.writer.goaway(WINDOW_MAX, H2_ERROR.NO_ERROR, '');
    this.writer.ping(DRAIN_PING, false);
    this.writer.flush();
  }

  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.closing) return;
    if (!this.#settingsSeen) {
      if (type !== FRAME.SETTINGS || (flags & FLAG.ACK) !== 0)
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'the first frame is not SETTINGS (RFC 9113 §3.4)');
      this.#settingsSeen = true;
    }
    const unfinished = this.#block.openStream;
    if (unfinished !== 0 && (type !== FRAME.CONTINUATION || streamId !== unfinished)) {
      throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'a header block is interrupted (RFC 9113 §6.2)');
    }
    switch (type) {
      case FRAME.DATA:
        this.#onDataFrame(flags, streamId, payload);
        break;
      case FRAME.HEADERS:
        this.#onHeadersFrame(flags, streamId, payload);
        break;
      case FRAME.CONTINUATION:
        this.#continueBlock(payload, (flags & FLAG.END_HEADERS) !== 0);
        break;
      case FRAME.RST_STREAM:
        this.#onReset(streamId, payload);
        break;
      case FRAME.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, payload);
        break;
      case FRAME.SETTINGS:
        this.#onSettings(flags, streamId, payload);
        break;
      case FRAME.PING:
        this.#onPing(flags, streamId, payload);
        break;
      case FRAME.GOAWAY:
        this.floods.controlFrame();
        this.goawayReceived = true;
        this.onPeerGoaway(goawayOf(streamId, payload));
        break;
      case FRAME.PRIORITY:
        this.#onPriority(streamId, payload);
        break;
      case FRAME.PUSH_PROMISE:
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'PUSH_PROMISE was not allowed (RFC 9113 §8.4)');
      default:
        this.floods.controlFrame();
    }
  }

  /** Both sides ended: the stream is over. */
  settle(stream: H2Stream): void {
    if (stream.localEnded && stream.remoteEnded) this.#close(stream, true);
  }

  /** Over by our reset: frames that are under way to it are nobody's fault. */
  forget(stream: H2Stream): void {
    if (stream.closed) return;
    this.graves.add(stream.id, stream.recvWindow);
    this.#close(stream, false);
  }

  /** Body went out: window updates are the peer's due, not a flood. */
  noteProgress(frames: number): void {
    this.floods.dataSent(frames);
  }

  waitForWindow(stream: H2Stream): void {
    this.#waiters.forWindow(stream);
  }

  waitForDrain(stream: H2Stream): void {
    this.#waiters.forDrain(stream);
  }

  protected streamError(stream: H2Stream, code: number, detail: string): void {
    this.writer.reset(stream.id, code);
    this.forget(stream);
    this.resetHandler(stream, 'protocol-error', detail, true);
    this.streamWasted();
  }

  protected resetHandler(stream: H2Stream, reason: ResetReason, detail: string, processed: boolean): void {
    stream.handler.onReset(reason, detail, processed);
  }

  #close(stream: H2Stream, complete: boolean): void {
    if (stream.closed) return;
    stream.closed = true;
    this.streams.delete(stream.id);
    this.#waiters.remove(stream);
    if (complete) this.floods.streamFinished();
    this.streamEnded(stream);
    if (this.streams.size === 0 && this.goawaySent) this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.closing || !this.finalGoaway) return;
    this.closing = true;
    this.writer.flush();
    this.conn.end();
    this.lingers();
  }

  /** The second GOAWAY of a drain is out: nothing new can come. */
  protected finalGoaway = false;

  #onDataFrame(flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'DATA on stream 0 (RFC 9113 §6.1)');
    const size = payload.length;
    this.#giveConnectionCredit(size);
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      if (!this.graves.takes(streamId, size)) this.#onLateFrame(streamId, stream, 'DATA');
      return;
    }
    stream.recvWindow -= size;
    if (stream.recvWindow < 0) {
      this.streamError(stream, H2_ERROR.FLOW_CONTROL_ERROR, 'the peer sent over its window (RFC 9113 §6.9)');
      return;
    }
    const data = unpad(flags, payload, 0);
    const end = (flags & FLAG.END_STREAM) !== 0;
    this.floods.dataFrame(data.length, end);
    if (!stream.headSeen) {
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, 'DATA before HEADERS (RFC 9113 §8.1)');
      return;
    }
    stream.receivedBytes += data.length;
    if (stream.lengthIsWrong(end)) {
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, 'the body does not match content-length (RFC 9113 §8.1.1)');
      return;
    }
    if (end) stream.remoteEnded = true;
    if (end) this.#reader.costly(1);
    if (size > 0 && !end) {
      if (stream.paused) stream.withheldCredit += size;
      else this.creditLater(stream, size);
    }
    const { handler } = stream;
    if (data.length > 0 || end) handler.onData(data, end);
    if (end) this.settle(stream);
  }

  /** A window is given back in steps of a half, not frame by frame. */
  creditLater(stream: H2Stream, bytes: number): void {
    stream.withheldCredit += bytes;
    if (stream.withheldCredit < this.limits.streamWindowBytes / 2) return;
    this.writer.windowUpdate(stream.id, stream.withheldCredit);
    stream.recvWindow += stream.withheldCredit;
    stream.withheldCredit = 0;
  }

  #giveConnectionCredit(bytes: number): void {
    this.#recvCredit += bytes;
    if (this.#recvCredit < this.limits.connectionWindowBytes / 4) return;
    this.writer.windowUpdate(0, this.#recvCredit);
    this.#recvCredit = 0;
  }

  #onHeadersFrame(flags: number, streamId: number, payload: Buffer): void {
    const fragment = headerFragment(flags, streamId, payload);
    this.floods.progress();
    if ((flags & FLAG.END_HEADERS) === 0) {
      this.#block.begin(streamId, flags, fragment);
      this.headPending(true);
    } else this.#finishBlock({ streamId, flags, block: fragment });
  }

  /** A header block has begun and is not whole; `false`: it is now. */
  protected headPending(_pending: boolean): void {}

  #continueBlock(fragment: Buffer, last: boolean): void {
    const whole = this.#block.append(fragment, last);
    if (whole === undefined) return;
    this.headPending(false);
    this.#finishBlock(whole);
  }

  #finishBlock(whole: HeaderBlockFragments): void {
    const fields: string[] = [];
    this.#reader.costly();
    const verdict = this.#decoder.decode(whole.block, fields, {
      bytesMax: this.limits.headerListBytesMax,
      countMax: this.limits.headersMax,
    });
    this.onHeaders(whole.streamId, fields, (whole.flags & FLAG.END_STREAM) !== 0, verdict === 'too-large');
  }

  /** A frame for a stream that is not open any more, or never was. */
  #onLateFrame(streamId: number, stream: H2Stream | undefined, what: string): void {
    if (stream !== undefined) {
      this.streamError(stream, H2_ERROR.STREAM_CLOSED, `${what} after the end of the stream (RFC 9113 §5.1)`);
      return;
    }
    this.lateFrame(streamId, what);
  }

  protected lateFrame(streamId: number, what: string): void {
    if (streamId > this.lastStreamId)
      throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, `${what} on a stream that was never opened (RFC 9113 §5.1)`);
    if (this.graves.has(streamId)) return this.floods.controlFrame();
    throw new ConnectionError(H2_ERROR.STREAM_CLOSED, `${what} on a closed stream (RFC 9113 §5.1)`);
  }

  #onReset(streamId: number, payload: Buffer): void {
    const code = resetCode(streamId, payload);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastStreamId)
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'RST_STREAM on an idle stream (RFC 9113 §6.4)');
      this.floods.controlFrame();
      return;
    }
    this.#reader.costly();
    this.#close(stream, false);
    if (!stream.headSent) this.streamWasted();
    this.peerReset(stream, code);
    this.resetHandler(
      stream,
      resetForCode(code),
      `the peer reset the stream with code ${code}`,
      code !== H2_ERROR.REFUSED_STREAM,
    );
  }

  protected peerReset(_stream: H2Stream, _code: number): void {}

  #onWindowUpdate(streamId: number, payload: Buffer): void {
    const increment = windowIncrement(payload);
    this.floods.windowUpdate();
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'WINDOW_UPDATE of zero (RFC 9113 §6.9)');
      this.sendWindow += increment;
      if (this.sendWindow > WINDOW_MAX)
        throw new ConnectionError(H2_ERROR.FLOW_CONTROL_ERROR, 'the window is over 2^31-1 (RFC 9113 §6.9.1)');
      this.#reader.costly();
      this.#waiters.windowGrew();
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastStreamId)
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream (RFC 9113 §5.1)');
      return;
    }
    if (increment === 0) {
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, 'WINDOW_UPDATE of zero (RFC 9113 §6.9)');
      return;
    }
    this.floods.windowGrew(increment, stream.queuedBytes);
    stream.sendWindow += increment;
    if (stream.sendWindow > WINDOW_MAX) {
      this.streamError(stream, H2_ERROR.FLOW_CONTROL_ERROR, 'the window is over 2^31-1 (RFC 9113 §6.9.1)');
      return;
    }
    this.#waiters.streamWindowGrew(stream);
  }

  #onSettings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'SETTINGS on a stream (RFC 9113 §6.5)');
    this.floods.controlFrame();
    if ((flags & FLAG.ACK) !== 0) {
      if (payload.length !== 0)
        throw new ConnectionError(
          H2_ERROR.FRAME_SIZE_ERROR,
          'an acknowledgement of SETTINGS with a payload (RFC 9113 §6.5)',
        );
      this.settingsAcknowledged = true;
      return;
    }
    for (const [id, value] of settingsOf(payload, this.limits.settingsMax)) applySetting(this, id, value);
    this.#reader.costly();
    // The acknowledgement goes first: what follows already obeys the new values.
    this.writer.settingsAck();
    this.#waiters.windowGrew();
    this.floods.answered(this.writer.queuedBytes);
    this.peerSettingsChanged();
  }

  protected peerSettingsChanged(): void {}

  #onPing(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'PING on a stream (RFC 9113 §6.7)');
    if (payload.length !== 8)
      throw new ConnectionError(H2_ERROR.FRAME_SIZE_ERROR, 'PING is not eight bytes (RFC 9113 §6.7)');
    this.floods.controlFrame();
    if ((flags & FLAG.ACK) !== 0) {
      if (this.goawaySent && !this.finalGoaway && payload.equals(DRAIN_PING)) {
        this.finalGoaway = true;
        this.writer.goaway(this.lastStreamId, H2_ERROR.NO_ERROR, '');
        if (this.streams.size === 0) this.#endWhenIdle();
      } else this.pong?.(payload);
      return;
    }
    this.writer.ping(payload, true);
    this.floods.answered(this.writer.queuedBytes);
  }

  #onPriority(streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'PRIORITY on stream 0 (RFC 9113 §6.3)');
    this.floods.controlFrame();
    const problem = priorityProblem(payload, streamId);
    if (problem === undefined) return;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.streamError(stream, problem.code, problem.message);
    else if (problem.code === H2_ERROR.FRAME_SIZE_ERROR) throw problem;
    else this.writer.reset(streamId, problem.code);
  }
}
