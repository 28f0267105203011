// Calls of scenarios: HTTP/1.1, HTTP/2, TLS and plain TCP, each on a connection of its own, with all that came back.
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Seen } from './backends.ts';
import type { Lab, Role } from './lab.ts';
import type { Call } from './scenario.ts';

export interface Outcome {
  readonly role: Role;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** What the backend says that it saw. */
  readonly seen: Seen | undefined;
  readonly backend: string;
  readonly ms: number;
  /** '' when an answer came. */
  readonly error: string;
  /** The caller's own port: the access log's key. */
  readonly localPort: number;
  /** Of the proxy's log before the call. */
  readonly logBytes: number;
  readonly certificate: string;
}

const DEFAULT_MS = 5000;
const SILENCE_MS = 150;

export async function make(lab: Lab, call: Call, id: string): Promise<Outcome> {
  const started = performance.now();
  const { role, host, port, authority } = placeOf(lab, call);
  const logBytes = lab.logBytes(role);
  const nothing = { status: 0, headers: {}, body: '', seen: undefined, backend: '', localPort: 0, certificate: '' };
  const base = { role, logBytes, ...nothing };
  let socket: Socket | undefined;
  try {
    socket = await open(lab, call, host, port);
    const facts = { localPort: socket.localPort ?? 0, certificate: shown(socket) };
    const timeoutMs = call.timeoutMs ?? DEFAULT_MS;
    const headers = { host: call.host ?? authority, 'x-case': id, ...call.headers };
    const got =
      call.tcp !== undefined
        ? await talk(socket, call, timeoutMs)
        : call.h2 === true
          ? await askHttp2(socket, call, headers, timeoutMs)
          : await askHttp(socket, call, headers, timeoutMs);
    const seen = seenOf(got.body);
    return {
      ...base,
      ...facts,
      ...got,
      seen,
      backend: seen?.backend ?? (got.headers['x-backend'] as string | undefined) ?? tcpBackend(got.body),
      ms: performance.now() - started,
      error: '',
    };
  } catch (error) {
    return {
      ...base,
      localPort: socket?.localPort ?? 0,
      ms: performance.now() - started,
      error: (error as Error).message,
    };
  } finally {
    socket?.destroy();
  }
}

function placeOf(lab: Lab, call: Call): { role: Role; host: string; port: number; authority: string } {
  switch (call.via) {
    case 'gateway':
      return {
        role: 'gateway',
        host: call.at ?? '127.0.0.1',
        port: lab.gatewayPorts[call.port ?? 80] ?? 0,
        authority: 'shop.example.com',
      };
    case 'server':
      return {
        role: 'server',
        host: '127.0.0.1',
        port: lab.serverPorts[call.port ?? 8000] ?? 0,
        authority: 'server:8000',
      };
    case 'forward':
      return { role: 'client', host: '127.0.0.1', port: lab.httpProxyPort, authority: call.to ?? '' };
    default: {
      const [name = 'web', port = '8000'] = (call.to ?? 'web:8000').split(':');
      return {
        role: 'client',
        host: call.at ?? lab.loopback(name),
        port: Number(port),
        authority: `${name}:${port}`,
      };
    }
  }
}

function open(lab: Lab, call: Call, host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { tls } = call;
    const pair = tls?.identity === undefined ? undefined : lab.certificates.of(tls.identity, tls.stranger);
    const plain = connect({ host, port, noDelay: true });
    // Before TLS hears that it is connected: its first bytes come after these.
    const { proxied } = call;
    if (proxied !== undefined) plain.once('connect', () => plain.write(proxyHeader(proxied, plain)));
    const socket =
      tls === undefined
        ? plain
        : connectTls({
            socket: plain,
            rejectUnauthorized: false,
            ...(tls.sni === undefined ? {} : { servername: tls.sni }),
            ...(tls.minVersion === undefined ? {} : { minVersion: tls.minVersion }),
            ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
            ...(tls.curve === undefined ? {} : { ecdhCurve: tls.curve }),
            ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
            ALPNProtocols: [...(tls.alpn ?? [call.h2 === true ? 'h2' : 'http/1.1'])],
            ...(pair === undefined ? {} : { cert: pair.certPem, key: pair.keyPem }),
          });
    plain.once('error', reject);
    const late = setTimeout(() => socket.destroy(new Error('no connection in time')), call.timeoutMs ?? DEFAULT_MS);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(late);
      resolve(socket);
    });
  });
}

/** The client's port stays what it is: the log's line is found by it. */
function proxyHeader({ version, address }: NonNullable<Call['proxied']>, socket: Socket): Buffer {
  const { localPort: from = 0, remotePort: to = 0 } = socket;
  if (version === 1) return Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 ${from} ${to}\r\n`);
  const bytes = (text: string): Buffer => Buffer.from(text.split('.').map(Number));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(from, 0);
  ports.writeUInt16BE(to, 2);
  const start = Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex');
  return Buffer.concat([start, bytes(address), bytes('127.0.0.1'), ports]);
}

function shown(socket: Socket): string {
  if (!('getPeerCertificate' in socket)) return '';
  return String((socket as TLSSocket).getPeerCertificate().subjectaltname ?? '');
}

type Got = Pick<Outcome, 'status' | 'headers' | 'body'>;

function askHttp(socket: Socket, call: Call, headers: Record<string, unknown>, timeoutMs: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    const path = call.via === 'forward' ? `http://${call.to}${call.path ?? '/'}` : (call.path ?? '/');
    const asked = request(
      {
        createConnection: () => socket,
        method: call.method ?? 'GET',
        path,
        headers: headers as never,
        setHost: false,
        timeout: timeoutMs,
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: { ...response.headers, ...trailers(response.trailers) },
            body,
          }),
        );
        response.on('error', reject);
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.on('upgrade', (response) =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' }),
    );
    asked.on('error', reject);
    asked.end(call.body);
  });
}

function trailers(all: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`trailer:${name}`, value]));
}

function askHttp2(socket: Socket, call: Call, headers: Record<string, unknown>, timeoutMs: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2('http://lab', { createConnection: () => socket });
    session.on('error', reject);
    const { host, ...rest } = headers;
    const stream = session.request(
      {
        ':method': call.method ?? 'GET',
        ':path': call.path ?? '/',
        ':authority': String(host),
        ...(rest as Record<string, string>),
      },
      { endStream: call.body === undefined },
    );
    const late = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    let status = 0;
    let got: Record<string, string | string[] | undefined> = {};
    let body = '';
    stream.on('response', (answered) => {
      status = Number(answered[':status']);
      got = answered as typeof got;
    });
    stream.on('trailers', (all) => Object.assign(got, trailers(all as never)));
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    stream.on('error', reject);
    stream.on('close', () => {
      clearTimeout(late);
      session.destroy();
      if (status === 0) reject(new Error(`stream closed: ${stream.rstCode}`));
      else resolve({ status, headers: got, body });
    });
    if (call.body !== undefined) stream.end(call.body);
  });
}

/** Everything until the other side falls silent or closes; nothing and closed is a refusal. */
function talk(socket: Socket, { tcp = '', untilClosed }: Call, timeoutMs: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    let body = '';
    let quiet: NodeJS.Timeout | undefined;
    const done = (): void => resolve({ status: 0, headers: {}, body });
    const late = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      body += chunk.toString();
      if (untilClosed === true) return;
      clearTimeout(late);
      clearTimeout(quiet);
      quiet = setTimeout(done, SILENCE_MS);
    });
    socket.on('close', () => {
      clearTimeout(late);
      if (body === '') reject(new Error('closed without a byte'));
      else done();
    });
    socket.on('error', reject);
    socket.write(tcp);
  });
}

function seenOf(body: string): Seen | undefined {
  if (!body.startsWith('{"backend"')) return undefined;
  return JSON.parse(body) as Seen;
}

function tcpBackend(body: string): string {
  return /^(db-v\d|server-tcp):/.exec(body)?.[1] ?? '';
}
