// Calls from outside the mesh: plaintext to any port, HTTPS to the gateway, with what the handshake showed.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';

const TIMEOUT_MS = 30_000;

export interface PlainAnswer {
  /** 0: the connection was refused or cut. */
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly problem: string;
  /** SHA-256 of the certificate that the server showed. */
  readonly fingerprint: string;
}

export interface PlainAsk {
  readonly host?: string;
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks over TLS for this name. */
  readonly sni?: string;
}

export function callPlain(ask: PlainAsk): Promise<PlainAnswer> {
  const options = {
    host: ask.host ?? '127.0.0.1',
    port: ask.port,
    path: ask.path ?? '/',
    method: ask.method ?? 'GET',
    headers: { ...ask.headers },
    agent: false as const,
    timeout: TIMEOUT_MS,
  };
  return new Promise((resolve) => {
    const failed = (error: Error): void =>
      resolve({ status: 0, body: '', headers: {}, problem: error.message, fingerprint: '' });
    const send =
      ask.sni === undefined
        ? httpRequest(options)
        : httpsRequest({ ...options, servername: ask.sni, rejectUnauthorized: false });
    send.on('response', (response) => {
      const fingerprint =
        ask.sni === undefined ? '' : (response.socket as TLSSocket).getPeerCertificate().fingerprint256;
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('error', failed);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers, problem: '', fingerprint }),
      );
    });
    send.on('timeout', () => send.destroy(new Error('no answer in time')));
    send.on('error', failed);
    send.end();
  });
}
