// Two ends of mutual TLS over real sockets, for the tests of this folder: an echo server and a client that says what happened.
import type { Conn, ConnError, PeerCheck, TlsContext, TlsFacts } from '#base';
import { SystemNet } from '#io';

export const net = new SystemNet();

/** Every handshake's outcome as the server saw it. */
export interface ServerSide {
  readonly port: number;
  readonly outcomes: ({ ok: true; facts: TlsFacts } | { ok: false; error: ConnError })[];
  options: { context: TlsContext; check: PeerCheck };
  close(): void;
}

export async function startEcho(options: { context: TlsContext; check: PeerCheck }): Promise<ServerSide> {
  const outcomes: ServerSide['outcomes'] = [];
  const open = new Set<Conn>();
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (raw) => {
    const { context, check } = side.options;
    raw.startTlsServer(
      { context, check, requestClientCertificate: true, alpn: ['istio'], handshakeTimeoutMs: 60_000 },
      (result) => {
        if (!result.ok) {
          outcomes.push(result);
          return;
        }
        const { conn } = result;
        outcomes.push({ ok: true, facts: conn.tls as TlsFacts });
        open.add(conn);
        conn.handler = {
          onData: (data) => void conn.write(Buffer.from(data)),
          onEnd: () => conn.end(),
          onDrain: () => {},
          onClose: () => void open.delete(conn),
        };
      },
    );
  });
  const side: ServerSide = {
    port: listener.port,
    outcomes,
    options,
    close: () => {
      listener.close();
      for (const conn of open) conn.destroy();
    },
  };
  return side;
}

export interface Dialled {
  /** What the client's check made of the server; undefined when the handshake failed on this side. */
  readonly facts: TlsFacts | undefined;
  readonly echoed: boolean;
  readonly error: ConnError | undefined;
}

/** Connects, sends one word, waits for its echo, and lets the tickets of TLS 1.3 arrive. */
export function dial(
  port: number,
  client: { context: TlsContext; check: PeerCheck; checkKey?: string },
): Promise<Dialled> {
  return new Promise((resolve) => {
    let facts: TlsFacts | undefined;
    let echoed = false;
    const conn = net.connect(
      {
        host: '127.0.0.1',
        port,
        timeoutMs: 60_000,
        tls: {
          context: client.context,
          alpn: ['istio'],
          sni: 'server.mesh',
          check: client.check,
          checkKey: client.checkKey ?? 'same',
        },
      },
      {
        onConnected: () => {
          facts = conn.tls;
          conn.writeText('ping');
        },
        onData: (data) => {
          echoed = data.toString('latin1') === 'ping';
          conn.end();
        },
        onEnd: () => conn.destroy(),
        onDrain: () => {},
        onClose: (error) => resolve({ facts, echoed, error }),
      },
    );
  });
}
