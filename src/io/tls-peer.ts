// Judges the other side after a handshake and collects the facts of it, for both roles (design 12).
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ConnError, PeerCheck, TlsContext, TlsFacts } from '#base';

/** A chain longer than this is cut: the check then fails on a missing issuer. */
const CHAIN_MAX = 10;

export type PeerOutcome =
  | { readonly ok: true; readonly facts: TlsFacts; readonly chain: readonly Uint8Array[] }
  | { readonly ok: false; readonly error: ConnError };

/** `remembered`: the chain that came with the session which a client offered. */
export function judgePeer(
  socket: TLSSocket,
  context: TlsContext,
  check: PeerCheck,
  sni: string,
  remembered: readonly Uint8Array[] = [],
): PeerOutcome {
  const resumed = socket.isSessionReused();
  const shown = peerChain(socket);
  const chain = resumed && shown.length === 0 ? remembered : shown;
  const judged = chain.length > 0 && context.rootsPem !== undefined;
  const failure = judged ? verifyError(socket) : undefined;
  // Ours first: its reasons say more.
  const verdict = check({ chain, resumed, sni, pathVerified: judged && failure === undefined });
  if (!verdict.ok) return refuse('PEER_REFUSED', verdict.reason);
  if (failure !== undefined) return refuse(failure, `the peer's certificate is not trusted: ${failure}`);
  const facts: TlsFacts = {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.name ?? '',
    alpn: socket.alpnProtocol === false || socket.alpnProtocol === null ? '' : socket.alpnProtocol,
    sni,
    resumed,
    peerCertificate: chain[0],
    peer: verdict.verdict,
  };
  return { ok: true, facts, chain };
}

function peerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < CHAIN_MAX) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

/** OpenSSL's own verdict on the chain. Node offers it to servers only through the private handle. */
function verifyError(socket: TLSSocket): string | undefined {
  const handle = (socket as unknown as { _handle?: { verifyError?: () => (Error & { code?: string }) | null } })
    ._handle;
  if (typeof handle?.verifyError !== 'function')
    return 'this Node does not tell the verification result (_handle.verifyError); use the pinned Node';
  const error = handle.verifyError();
  return error === null || error === undefined ? undefined : (error.code ?? error.message);
}

function refuse(code: string, message: string): PeerOutcome {
  return { ok: false, error: { kind: 'tls', code, message } };
}
