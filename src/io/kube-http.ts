// HTTPS to the API server over node:https: kept-alive connections, credentials read again now and then, watches as streams.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';

/** The same shapes as `#kube` has; this area does not import it. */
type FileOrText = { readonly file: string } | { readonly text: string };

export interface KubeHttpOptions {
  readonly access: {
    readonly server: string;
    readonly caPem?: FileOrText;
    readonly insecure: boolean;
    readonly serverName: string;
    readonly token?: FileOrText;
    readonly clientCertificatePem?: FileOrText;
    readonly clientKeyPem?: FileOrText;
    readonly exec?: {
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly apiVersion: string;
    };
  };
  readonly userAgent: string;
  /** Bytes of one answer; beyond, the call fails. */
  readonly answerBytes?: number;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly timeoutMs: number;
}

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number;
}

interface Streaming {
  onOpen(): void;
  onData(text: string): void;
  onClose(reason: { readonly answer?: Answered; readonly error?: string }): void;
}

/** The kubelet renews a projected token long before it ends; client-go reads it as often. */
const TOKEN_AGE_MS = 60_000;
const KEEP_ALIVE_MS = 15_000;
/** A refusal's text that is worth keeping. */
const REFUSAL_BYTES = 64 << 10;
const EXEC_MS = 60_000;

interface Credentials {
  readonly token: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export class KubeHttp {
  readonly #options: KubeHttpOptions;
  readonly #base: URL;
  #credentials: Promise<Credentials> | undefined;
  #readMs = 0;
  #agent:
    | { readonly calls: HttpsAgent | HttpAgent; readonly streams: HttpsAgent | HttpAgent; readonly of: string }
    | undefined;

  constructor(options: KubeHttpOptions) {
    this.#options = options;
    this.#base = new URL(options.access.server);
  }

  async call(asked: Asked): Promise<Answered | undefined> {
    const first = await this.#call(asked);
    if (first?.status !== 401) return first;
    // A renewed token may lie there already.
    this.#credentials = undefined;
    return this.#call(asked);
  }

  stream(asked: Asked, handler: Streaming): { close(): void } {
    let request: ClientRequest | undefined;
    let over = false;
    const end = (reason: Parameters<Streaming['onClose']>[0]): void => {
      if (over) return;
      over = true;
      request?.destroy();
      handler.onClose(reason);
    };
    this.#request(asked, true).then(
      (made) => {
        if (over) return void made.destroy();
        request = made;
        made.on('error', (error) => end({ error: error.message }));
        made.on('response', (response) => this.#streamed(response, handler, end, () => over));
        made.end();
      },
      (error: unknown) => end({ error: String(error) }),
    );
    return {
      close: () => {
        over = true;
        request?.destroy();
      },
    };
  }

  /** A WebSocket of the API server: the connection after its 101. Rejects with what the server said otherwise. */
  async upgrade(path: string, protocol: string, timeoutMs: number): Promise<{ socket: Duplex; head: Buffer }> {
    const headers = {
      accept: '*/*',
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': protocol,
    };
    const request = await this.#request({ method: 'GET', path, timeoutMs }, true, headers);
    return await new Promise((resolve, reject) => {
      const cut = setTimeout(() => request.destroy(new Error('the API server did not answer')), timeoutMs);
      request.on('upgrade', (_response, socket, head) => {
        clearTimeout(cut);
        resolve({ socket, head });
      });
      request.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          if (body.length < REFUSAL_BYTES) body += text;
        });
        response.on('end', () => {
          clearTimeout(cut);
          reject(new Error(sentenceOf(body) ?? `the API server answered ${response.statusCode}`));
        });
      });
      request.on('error', (error) => {
        clearTimeout(cut);
        reject(error);
      });
      request.end();
    });
  }

  close(): void {
    this.#agent?.calls.destroy();
    this.#agent?.streams.destroy();
  }

  #streamed(
    response: IncomingMessage,
    handler: Streaming,
    end: (reason: { answer?: Answered; error?: string }) => void,
    over: () => boolean,
  ): void {
    response.setEncoding('utf8');
    response.on('error', (error) => end({ error: error.message }));
    if (response.statusCode !== 200) {
      let body = '';
      response.on('data', (text: string) => {
        if (body.length < REFUSAL_BYTES) body += text;
      });
      response.on('end', () =>
        end({ answer: { status: response.statusCode ?? 0, body, retryAfterMs: retryAfter(response) } }),
      );
      return;
    }
    handler.onOpen();
    response.on('data', (text: string) => {
      if (!over()) handler.onData(text);
    });
    response.on('end', () => end({}));
    response.on('close', () => end({ error: 'the connection ended' }));
  }

  async #call(asked: Asked): Promise<Answered | undefined> {
    let request: ClientRequest;
    try {
      request = await this.#request(asked, false);
    } catch {
      return undefined;
    }
    const most = this.#options.answerBytes ?? 256 << 20;
    return new Promise((resolve) => {
      const cut = setTimeout(() => request.destroy(), asked.timeoutMs);
      const done = (answer: Answered | undefined): void => {
        clearTimeout(cut);
        resolve(answer);
      };
      request.on('error', () => done(undefined));
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > most) request.destroy();
          else chunks.push(chunk);
        });
        response.on('error', () => done(undefined));
        response.on('end', () =>
          done({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString('utf8'),
            retryAfterMs: retryAfter(response),
          }),
        );
        response.on('close', () => done(undefined));
      });
      request.end(asked.body);
    });
  }

  async #request(asked: Asked, stream: boolean, more: Readonly<Record<string, string>> = {}): Promise<ClientRequest> {
    const credentials = await this.#currentCredentials();
    const agents = await this.#agentsFor(credentials);
    const secure = this.#base.protocol === 'https:';
    const agent = this.#options.userAgent;
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': agent, ...more };
    if (credentials.token !== '') headers['authorization'] = `Bearer ${credentials.token}`;
    if (asked.body !== undefined) {
      headers['content-type'] = asked.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(asked.body));
    }
    const make = secure ? httpsRequest : httpRequest;
    const prefix = this.#base.pathname === '/' ? '' : this.#base.pathname;
    return make({
      agent: stream ? agents.streams : agents.calls,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port === '' ? (secure ? 443 : 80) : Number(this.#base.port),
      method: asked.method,
      path: prefix + asked.path,
      headers,
    });
  }

  async #currentCredentials(): Promise<Credentials> {
    const now = performance.now();
    if (this.#credentials === undefined || now - this.#readMs > TOKEN_AGE_MS) {
      this.#readMs = now;
      const reading = this.#readCredentials();
      const former = this.#credentials;
      // A file that is being replaced must not end the work of credentials that are still good.
      this.#credentials = former === undefined ? reading : reading.catch(() => former);
    }
    try {
      return await this.#credentials;
    } catch (error) {
      this.#credentials = undefined;
      throw error;
    }
  }

  async #readCredentials(): Promise<Credentials> {
    const { token, clientCertificatePem, clientKeyPem, exec } = this.#options.access;
    if (exec !== undefined) return runPlugin(exec, this.#options.access.server);
    return {
      token: (await read(token))?.trim() ?? '',
      cert: await read(clientCertificatePem),
      key: await read(clientKeyPem),
    };
  }

  async #agentsFor(
    credentials: Credentials,
  ): Promise<{ readonly calls: HttpsAgent | HttpAgent; readonly streams: HttpsAgent | HttpAgent }> {
    const of = `${credentials.cert ?? ''}${credentials.key ?? ''}`;
    if (this.#agent !== undefined && this.#agent.of === of) return this.#agent;
    const { access } = this.#options;
    const ca = await read(access.caPem);
    const tls = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MS,
      rejectUnauthorized: !access.insecure,
      ...(ca === undefined ? {} : { ca }),
      ...(credentials.cert === undefined ? {} : { cert: credentials.cert }),
      ...(credentials.key === undefined ? {} : { key: credentials.key }),
      ...(access.serverName === '' ? {} : { servername: access.serverName }),
    };
    const make = (maxSockets: number): HttpsAgent | HttpAgent =>
      this.#base.protocol === 'https:'
        ? new HttpsAgent({ ...tls, maxSockets })
        : new HttpAgent({ keepAlive: true, maxSockets });
    const made = { calls: make(16), streams: make(Number.POSITIVE_INFINITY), of };
    this.#agent = made;
    return made;
  }
}

async function read(from: FileOrText | undefined): Promise<string | undefined> {
  if (from === undefined) return undefined;
  return 'text' in from ? from.text : readFile(from.file, 'utf8');
}

/** Of a Status object. */
function sentenceOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return undefined;
  }
}

function retryAfter(response: IncomingMessage): number {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

function runPlugin(exec: NonNullable<KubeHttpOptions['access']['exec']>, server: string): Promise<Credentials> {
  const info = {
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, cluster: { server } },
  };
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
    execFile(exec.command, [...exec.args], { env, timeout: EXEC_MS, maxBuffer: 1 << 20 }, (error, out) => {
      if (error !== null) return reject(new Error(`credential plugin ${exec.command}: ${error.message}`));
      try {
        const { status } = JSON.parse(out) as {
          status?: { token?: string; clientCertificateData?: string; clientKeyData?: string };
        };
        resolve({ token: status?.token ?? '', cert: status?.clientCertificateData, key: status?.clientKeyData });
      } catch {
        reject(new Error(`credential plugin ${exec.command}: its answer is no ExecCredential`));
      }
    });
  });
}
