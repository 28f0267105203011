// A caller of the mesh with a certificate of its own and no proxy: it never renews, and its sockets are a test's to watch.
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { makeSignCsr } from '#agent';
import { generateKeyPair, makeCsr, privateKeyPem } from '#identity';
import { callHttp, grpcDialer, gunzip, SystemClock, SystemRandom } from '#io';
import { GrpcChannel } from '#wire/grpc';
import type { TestMesh } from './mesh.ts';

const DISCOVERY = 'istiod.istio-system.svc';

export interface OutsidePeer {
  readonly spiffeId: string;
  readonly certChainPem: string;
  readonly keyPem: string;
  readonly rootsPem: string;
}

/** Asks the control plane as an agent does. */
export async function makeOutsidePeer(mesh: TestMesh, account: string, ttlMs: number): Promise<OutsidePeer> {
  const { xds, tokenSocket } = mesh.run;
  const ask = { namespace: 'default', serviceAccount: account, workload: account };
  const answer = await callHttp({
    target: { socket: tokenSocket },
    method: 'POST',
    path: '/token',
    body: JSON.stringify(ask),
    timeoutMs: 30_000,
  });
  const { token, rootsPem } = JSON.parse(answer?.body ?? '{}') as { token: string; rootsPem: string };
  const channel = new GrpcChannel({
    clock: new SystemClock(),
    random: new SystemRandom(),
    gunzip,
    dialer: grpcDialer({
      ...xds,
      tls: () => ({
        context: { rootsPem, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', version: rootsPem },
        alpn: ['h2'],
        sni: DISCOVERY,
        checkKey: 'outside',
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      }),
    }),
  });
  const key = generateKeyPair();
  const spiffeId = `spiffe://cluster.local/ns/default/sa/${account}`;
  try {
    const signed = await makeSignCsr(channel, async () => token)(makeCsr(key, spiffeId), ttlMs, undefined);
    if (!signed.ok) throw new Error(signed.error.message);
    return { spiffeId, certChainPem: signed.value.slice(0, -1).join(''), keyPem: privateKeyPem(key), rootsPem };
  } finally {
    channel.close();
  }
}

export interface MeshSocket {
  readonly socket: TLSSocket;
  readonly closed: () => boolean;
  /** Status of one request; 0 when the connection went. */
  request(): Promise<number>;
}

/** Undefined when the other side refuses: during the handshake, or (TLS 1.3) right after it. */
export async function dialMesh(
  peer: Pick<OutsidePeer, 'certChainPem' | 'keyPem'>,
  at: { readonly host: string; readonly port: number },
): Promise<MeshSocket | undefined> {
  const socket = tlsConnect({
    ...at,
    cert: peer.certChainPem,
    key: peer.keyPem,
    rejectUnauthorized: false,
    ALPNProtocols: ['istio-http/1.1', 'istio', 'http/1.1'],
    servername: 'outbound_.9080_._.backend.default.svc.cluster.local',
  });
  let closed = false;
  let text = '';
  let wake = (): void => {};
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    wake();
  });
  socket.on('data', (data) => {
    text += data.toString('latin1');
    wake();
  });
  const request = async (): Promise<number> => {
    text = '';
    if (closed) return 0;
    socket.write('GET / HTTP/1.1\r\nHost: backend:9080\r\n\r\n');
    while (!closed && !text.includes('\r\n\r\n')) await new Promise<void>((resolve) => (wake = resolve));
    return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
  };
  const found = { socket, closed: () => closed, request };
  const status = await request();
  if (status !== 0) return found;
  socket.destroy();
  return undefined;
}
