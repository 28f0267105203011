// The endpoint's side of a TCP session: a connection of its own, or what an HTTP proxy grants (http-tunnel.ts).

import type { Conn } from '#base';

/** Means what it means of a connection. */
export interface UpstreamLeg
  extends Pick<
    Conn,
    | 'destroyed'
    | 'destroy'
    | 'end'
    | 'endedByPeer'
    | 'handler'
    | 'localAddress'
    | 'localPort'
    | 'pause'
    | 'queuedBytes'
    | 'resume'
    | 'tls'
    | 'write'
  > {
  /** Only of connections: no other leg is opened before its client is known. */
  unread?(data: Buffer): void;
}
