// The server side of TLS on a connection that is already open; bytes put back before are part of the handshake.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ConnError, METADATA_EXCHANGE, type TlsFacts, type TlsServerOptions } from '#base';
import { connErrorOf } from './conn-error.ts';
import { secureContext } from './tls-context.ts';
import { judgePeer } from './tls-peer.ts';

export type TlsServerOutcome =
  | { readonly ok: true; readonly socket: TLSSocket; readonly facts: TlsFacts }
  | { readonly ok: false; readonly error: ConnError };

export function startTlsServer(
  raw: Socket,
  options: TlsServerOptions,
  done: (outcome: TlsServerOutcome) => void,
): void {
  let context;
  try {
    context = secureContext(options.context, 'server');
  } catch (error) {
    raw.destroy();
    return done({ ok: false, error: { ...connErrorOf(error as Error), kind: 'tls' } });
  }
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    requestCert: options.requestClientCertificate,
    // The verdict is judgePeer's: Node would let resumed sessions through unchecked.
    rejectUnauthorized: false,
    ...(options.alpn.length === 0
      ? {}
      : { ALPNCallback: (offer: { protocols: string[] }) => chooseAlpn(options.alpn, offer.protocols) }),
  });
  let settled = false;
  let failure: ConnError | undefined;
  const settle = (outcome: TlsServerOutcome): void => {
    if (settled) return;
    settled = true;
    clearTimeout(deadline);
    socket.off('secure', onSecure);
    socket.off('error', onError);
    socket.off('close', onClose);
    if (!outcome.ok) {
      // A late error of a refused socket has nobody left to tell.
      socket.on('error', () => {});
      socket.destroy();
      raw.destroy();
    }
    done(outcome);
  };
  const onSecure = (): void => {
    const name: unknown = (socket as unknown as { servername?: unknown }).servername;
    settle(attach(socket, judgePeer(socket, options.context, options.check, typeof name === 'string' ? name : '')));
  };
  const onError = (error: Error): void => {
    failure = { ...connErrorOf(error), kind: 'tls' };
    settle({ ok: false, error: failure });
  };
  const onClose = (): void => {
    settle({
      ok: false,
      error: failure ?? {
        kind: 'closed',
        code: '',
        message: 'the client closed the connection during the TLS handshake',
      },
    });
  };
  const deadline = setTimeout(() => {
    settle({
      ok: false,
      error: {
        kind: 'timeout',
        code: 'HANDSHAKE_TIMEOUT',
        message: `no TLS handshake within ${options.handshakeTimeoutMs} ms`,
      },
    });
  }, options.handshakeTimeoutMs);
  socket.on('secure', onSecure);
  socket.on('error', onError);
  socket.on('close', onClose);
}

function attach(socket: TLSSocket, judged: ReturnType<typeof judgePeer>): TlsServerOutcome {
  return judged.ok ? { ok: true, socket, facts: judged.facts } : judged;
}

/**
 * With nothing in common the first offered name is answered: Node would kill a handshake that Envoy lets pass (design §3e).
 * Not the one that a frame follows, where there is another.
 */
export function chooseAlpn(ours: readonly string[], offered: readonly string[]): string | undefined {
  for (const name of ours) if (offered.includes(name)) return name;
  return offered.find((name) => name !== METADATA_EXCHANGE) ?? offered[0];
}
