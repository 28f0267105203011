// Chooses the codec of a downstream connection: by configuration, by ALPN, or by the HTTP/2 preface (RFC 9113 §3.4).

import { atTurnEnd, type ConnError, type ConnHandler, inPartsAfter, turnTime } from '#base';
import { H1ServerConnection } from '#wire/h1';
import { DEFAULT_H2_LIMITS, H2ServerConnection, h2HeadLimits, type H2Violation } from '#wire/h2';
import type { HeadBounds, HttpVersion, RequestAcceptor } from '#wire/http';
import type { DownstreamConnection } from '../network/filter.ts';
import type { ProxyServices } from '../services.ts';
import { H2KeepAlive } from './h2-keep-alive.ts';
import type { ManagerConfig } from './manager-config.ts';

export interface ServerCodec {
  /** No further requests; closes when the present ones are answered. */
  drain(): void;
  /** Other limits of heads, from the next request on. */
  limitHeads(bounds: HeadBounds): void;
}

export interface CodecEvents {
  onCodec(codec: ServerCodec, version: HttpVersion): void;
  /** Our side has ended or is about to. */
  onClosing(): void;
  onClosed(error: ConnError | undefined): void;
  /** A head has begun and is not whole; `false`: it is now. */
  onHeadPending(pending: boolean): void;
  /** An HTTP/2 connection ends for a breach by the client. */
  onViolation(violation: H2Violation): void;
  readonly services: Pick<ProxyServices, 'clock' | 'wheel' | 'random' | 'stats'>;
}

const PREFACE = 'PRI * HTTP/2.0';

export function attachCodec(
  downstream: DownstreamConnection,
  config: ManagerConfig,
  acceptor: RequestAcceptor,
  events: CodecEvents,
): void {
  const alpn = downstream.conn.tls?.alpn ?? '';
  if (config.codec === 'h1' || alpn.includes('http/1.1') || alpn === 'http/1.0')
    return startH1(downstream, config, acceptor, events);
  if (config.codec === 'h2' || alpn === 'h2' || alpn === 'istio-h2')
    return startH2(downstream, config, acceptor, events);
  downstream.conn.handler = new PrefaceSniffer(downstream, config, acceptor, events);
}

function startH1(
  downstream: DownstreamConnection,
  config: ManagerConfig,
  acceptor: RequestAcceptor,
  events: CodecEvents,
): void {
  const codec = new H1ServerConnection(downstream.conn, acceptor, {
    limits: config.limits,
    secure: downstream.conn.tls !== undefined,
    acceptHttp10: config.acceptHttp10,
    onClosing: () => events.onClosing(),
    onClosed: (error) => events.onClosed(error),
    onHeadPending: () => events.onHeadPending(true),
  });
  downstream.conn.handler = codec;
  events.onCodec(codec, '1.1');
}

function startH2(
  downstream: DownstreamConnection,
  config: ManagerConfig,
  acceptor: RequestAcceptor,
  events: CodecEvents,
): void {
  const limits = {
    ...DEFAULT_H2_LIMITS,
    ...h2HeadLimits(config.limits),
    ...config.h2.limits,
  };
  const { services } = events;
  let keepAlive: H2KeepAlive | undefined;
  const codec = new H2ServerConnection(
    downstream.conn,
    acceptor,
    {
      limits,
      defer: atTurnEnd,
      relays: true,
      connectProtocol: config.h2ConnectProtocol,
      now: () => turnTime(services.clock),
      later: (part, restMs) => inPartsAfter(services.clock, restMs, part),
    },
    {
      onStreamClosed: () => {},
      onConnectionClosed: (error) => {
        keepAlive?.stop();
        events.onClosed(error);
      },
      onViolation: (violation) => events.onViolation(violation),
      onClosing: () => events.onClosing(),
      onHeadPending: (pending) => events.onHeadPending(pending),
    },
  );
  downstream.conn.handler = codec;
  if (config.h2.keepAlive !== undefined)
    keepAlive = new H2KeepAlive(config.h2.keepAlive, codec, services, () => {
      services.stats.counter('http2.keepalive_timeout').inc();
      downstream.conn.destroy();
    });
  events.onCodec(codec, '2');
}

class PrefaceSniffer implements ConnHandler {
  readonly #downstream: DownstreamConnection;
  readonly #config: ManagerConfig;
  readonly #acceptor: RequestAcceptor;
  readonly #events: CodecEvents;
  #held: Buffer | undefined = undefined;

  constructor(downstream: DownstreamConnection, config: ManagerConfig, acceptor: RequestAcceptor, events: CodecEvents) {
    this.#downstream = downstream;
    this.#config = config;
    this.#acceptor = acceptor;
    this.#events = events;
  }

  onData(data: Buffer): void {
    const bytes = this.#held === undefined ? data : Buffer.concat([this.#held, data]);
    const length = Math.min(bytes.length, PREFACE.length);
    const looksLikeH2 = bytes.toString('latin1', 0, length) === PREFACE.slice(0, length);
    if (looksLikeH2 && length < PREFACE.length) {
      this.#held = bytes;
      return;
    }
    const { conn } = this.#downstream;
    if (looksLikeH2) startH2(this.#downstream, this.#config, this.#acceptor, this.#events);
    else startH1(this.#downstream, this.#config, this.#acceptor, this.#events);
    conn.handler.onData(bytes);
  }

  onEnd(): void {
    this.#downstream.conn.end();
  }
  onDrain(): void {}
  onClose(error: ConnError | undefined): void {
    this.#events.onClosed(error);
  }
}
