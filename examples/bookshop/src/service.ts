// What the four services share: a small HTTP server, trace headers passed on, JSON calls by plain service name.
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

/** Sent on to the next service as they came, so that a trace holds together and routes by user still match there. */
const PASSED_ON = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-ot-span-context',
  'x-cloud-trace-context',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
];
const CALL_TIMEOUT_MS = 10_000;
const BODY_LIMIT_BYTES = 1 << 20;

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  body(): Promise<string>;
}

export interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body: string;
}

export const version = process.env['SERVICE_VERSION'] ?? 'v1';

export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

/** Less than the 30 s that Kubernetes gives. */
const STOP_MS = 20_000;

/** Starts a service; `answer` says what each request gets, undefined is a 404. */
export function serve(name: string, answer: (asked: Asked) => Promise<Answer | undefined> | Answer | undefined): void {
  const port = Number(process.env['PORT'] ?? 9080);
  let ending = false;
  const server = createServer((req, res) => {
    if (ending) res.setHeader('connection', 'close');
    void respond(name, answer, req, res);
  });
  server.keepAliveTimeout = 75_000;
  server.listen(port, process.env['HOST'] ?? '127.0.0.1', () => {
    console.log(JSON.stringify({ time: new Date().toISOString(), service: name, version, message: 'listening', port }));
  });
  // What is being answered gets its answer; whoever started this service decides how long that may take.
  const stop = (): void => {
    ending = true;
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), STOP_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

export interface Called {
  /** 0 when no answer came. */
  readonly status: number;
  readonly body: unknown;
  readonly tookMs: number;
  readonly error: string;
}

/** GET http://service:9080/path, through the proxy that the environment names. Never throws: a page shows what is missing. */
export function call(service: string, path: string, headers: Record<string, string>): Promise<Called> {
  const started = performance.now();
  return new Promise((resolve) => {
    const done = (status: number, body: unknown, error: string): void =>
      resolve({ status, body, error, tookMs: Math.round(performance.now() - started) });
    const req = request(`http://${service}:9080${path}`, { headers, timeout: CALL_TIMEOUT_MS }, (res) => {
      readText(res).then(
        (text) => {
          const status = res.statusCode ?? 0;
          if (status !== 200) return done(status, undefined, `${status} ${text.slice(0, 120).trim()}`);
          try {
            done(status, JSON.parse(text), '');
          } catch {
            done(502, undefined, `${service} answered no JSON`);
          }
        },
        (cause: Error) => done(0, undefined, cause.message),
      );
    });
    req.on('timeout', () => req.destroy(new Error(`no answer from ${service} within ${CALL_TIMEOUT_MS / 1000} s`)));
    req.on('error', (cause) => done(0, undefined, cause.message));
    req.end();
  });
}

async function respond(
  name: string,
  answer: (asked: Asked) => Promise<Answer | undefined> | Answer | undefined,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const asked: Asked = {
    method: req.method ?? 'GET',
    url: new URL(req.url ?? '/', 'http://service'),
    headers: passedOn(req.headers),
    body: () => readText(req),
  };
  let given: Answer;
  try {
    const health = asked.url.pathname === '/health' ? json({ status: 'healthy', service: name, version }) : undefined;
    given = health ?? (await answer(asked)) ?? json({ error: 'no such page', service: name }, 404);
  } catch (cause) {
    console.error(JSON.stringify({ time: new Date().toISOString(), service: name, version, message: String(cause) }));
    given = json({ error: `${name} failed` }, 500);
  }
  res.writeHead(given.status ?? 200, {
    'content-type': given.type ?? 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(given.body),
    'x-served-by': `${name}-${version}`,
    ...given.headers,
  });
  res.end(given.body);
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

async function readText(message: IncomingMessage): Promise<string> {
  let text = '';
  message.setEncoding('utf8');
  for await (const chunk of message as AsyncIterable<string>) {
    text += chunk;
    if (text.length > BODY_LIMIT_BYTES) throw new Error('the body is too long');
  }
  return text;
}
